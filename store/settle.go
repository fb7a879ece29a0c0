package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Rules are what a settlement applies.
type Rules struct {
	Settle       settle.Params
	Availability availability.Params
	Surge        surge.Params // uploads of torrents above the base price earn the hot bonus; what is retargeted
}

// Settled is what the settlement of an epoch came to. One that was interrupted and called again
// says what the last call did.
type Settled struct {
	Pot       tokens.Amount // charged in the epoch
	Upload    tokens.Amount // paid to uploaders now, of this epoch and of reopened ones
	Probation tokens.Amount // held back from uploaders now, likewise
	Hot       tokens.Amount // bonus for uploads of wanted torrents
	Hosting   tokens.Amount // earned by hosting, held or paid out
	// Silenced are the downloads for which members were found silent. A settlement that is called
	// again reports them again: they are to be told to the tracker once it succeeded.
	Silenced []Silenced
}

// OpenEpochs is for how many settlements after its own an epoch's claims stay open (ECONOMY §5.5).
const OpenEpochs = 2

const (
	// readTorrents is how many torrents a settlement reads at a time.
	readTorrents = 200
	// maxStepRows is about how many rows and transfers one write call of a settlement makes, so that
	// others wait for milliseconds only. A torrent is never divided.
	maxStepRows = 2000
)

// settlement is the settlement of one epoch on its way. What a step writes depends on nothing that
// a later step writes, and every write can be repeated: after an interruption at any point all of
// it is simply run again.
type settlement struct {
	store   *Store
	rules   Rules
	epoch   Epoch
	quality qualities
	base    tokens.Amount // the base price in force, utok per GiB
	rate    tokens.Amount // the most that hosting is paid, utok per GiB and hour; 0: no limit
	packer  packer
	out     Settled
	// commit is Store.write, stepRows maxStepRows; tests have writes fail, or make them small.
	commit   func(context.Context, func(*tx) error) error
	stepRows int
}

// SettleEpoch settles an epoch that is over: its torrents, then what earlier epochs left open, the
// oldest of which closes; then who took in silence, how honest claims were, whose probation ends;
// then inflation, hot bonus and hosting reward. Each torrent, and each of the other steps, is a
// transaction of its own with deterministic ids, so that a settlement that was interrupted is simply
// called again. A second call at the same time waits for the first, and finds everything done.
func (s *Store) SettleEpoch(ctx context.Context, r Rules, e Epoch) (Settled, error) {
	s.settling.Lock()
	defer s.settling.Unlock()
	return s.settlement(r, e).run(ctx)
}

func (s *Store) settlement(r Rules, e Epoch) *settlement {
	return &settlement{store: s, rules: r, epoch: e, commit: s.write, stepRows: maxStepRows}
}

func (st *settlement) run(ctx context.Context) (Settled, error) {
	type stage struct {
		what string
		do   func(context.Context) error
	}
	stages := []stage{
		{"read what it depends on", st.prepare},
		{"count proven time", st.countProven},
		{"split the pot", st.splitPot},
		{"reopen suspense", st.reopen},
		{"note who served", st.noteAwards},
		{"close claims", st.closeClaims},
		{"judge silence", st.judgeSilence},
		{"weigh honesty", st.weighHonesty},
		{"end probation", st.endProbation},
		{"mint inflation", st.inflate},
		{"pay the hot bonus", st.payHot},
		{"retarget", st.retarget},
		{"fill the pools", st.fillPools},
		{"decide the hosting reward", st.decideHosting},
		{"pay the hosting reward", st.payHosting},
		{"pay sponsored seeders", st.paySponsors},
		{"tell who was paid", st.tellPaid},
		{"rate the catalogue", st.rateListings},
		{"close", st.close},
	}
	var settled bool
	err := st.store.r.QueryRowContext(ctx, "SELECT settled_ms > 0 FROM epochs WHERE number = ?", st.epoch.Number).Scan(&settled)
	if err != nil {
		return st.out, fmt.Errorf("settle epoch %d: %w", st.epoch.Number, notFound(err))
	}
	if settled {
		stages = []stage{{"judge silence", st.judgeSilence}} // who it was is said again
	}
	for _, s := range stages {
		if err := s.do(ctx); err != nil {
			return st.out, fmt.Errorf("settle epoch %d: %s: %w", st.epoch.Number, s.what, err)
		}
	}
	return st.out, nil
}

// prepare reads what all torrents' splits depend on.
func (st *settlement) prepare(ctx context.Context) (err error) {
	if st.quality, err = qualitiesAt(ctx, st.store.r, st.rules.Settle, st.epoch); err != nil {
		return err
	}
	factors, err := retargetFactors(ctx, st.store.r, st.epoch.Number)
	st.base, st.rate = retargeted(st.rules.Surge.Base, factors[RetargetBase]), retargeted(st.rules.Settle.HostingRate, factors[RetargetHosting])
	return err
}

// step is one torrent's part of a write call.
type step struct {
	rows int // it writes about so many
	do   func(*tx) error
}

// each has the steps of the given torrents, which are in order, prepared from what is on disk, some
// torrents at a time, and writes them.
func (st *settlement) each(ctx context.Context, torrents []bt.TorrentID, prepare func(*reader, []bt.TorrentID) ([]step, error)) error {
	for chunk := range slices.Chunk(torrents, readTorrents) {
		var steps []step
		err := st.store.read(ctx, func(r *reader) (err error) {
			steps, err = prepare(r, chunk)
			return err
		})
		if err != nil {
			return err
		}
		if err := st.write(ctx, steps); err != nil {
			return err
		}
	}
	return nil
}

// write runs steps, as many in one write call as stepRows allows.
func (st *settlement) write(ctx context.Context, steps []step) error {
	for len(steps) > 0 {
		n, rows := 1, steps[0].rows
		for n < len(steps) && rows+steps[n].rows <= st.stepRows {
			rows += steps[n].rows
			n++
		}
		now := steps[:n]
		err := st.commit(ctx, func(t *tx) error {
			for _, s := range now {
				if err := s.do(t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		steps = steps[n:]
	}
	return nil
}

// try is exec that says whether it changed a row.
func (t *tx) try(query string, args ...any) (bool, error) {
	r, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}
