package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// auditRun is a measurement under way.
type auditRun struct {
	audits
	conf   server.Config
	bars   *progress
	clock  clock
	store  *store.Store
	book   *availability.Book
	draws  *availability.Draws
	epoch  store.Epoch
	known  []bt.NodeID // the nodes, in the order in which they report
	result auditReport
}

const (
	reportEvery = 15 * time.Minute // a node's reports
	roundEvery  = 5 * time.Second  // the server's looks for audits that are due
)

func (a audits) measure(ctx context.Context, conf server.Config, bars *progress) (_ auditReport, err error) {
	r := &auditRun{audits: a, conf: conf, bars: bars, book: availability.NewBook()}
	r.clock.ms.Store(1_800_000_000_000)
	if r.store, err = store.Open(ctx, conf.Data, store.Options{Now: r.clock.now, Economy: conf.Economy}); err != nil {
		return r.result, err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	for _, step := range []func(context.Context) error{r.fill, r.load, r.begin, r.enter, r.freeze, r.turn, r.operate} {
		if err := step(ctx); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}

// cost returns what f takes of this process's CPU.
func cost(f func() error) (cpu time.Duration, err error) {
	self := process{"/proc", os.Getpid()}
	before, err := self.usage()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := self.usage()
	return after.cpu() - before.cpu(), err
}

// load takes all claims into memory, as the server does when it starts.
func (r *auditRun) load(ctx context.Context) (err error) {
	r.result.load, err = cost(func() error {
		rows, err := r.store.LoadClaims(ctx)
		for _, row := range rows {
			r.book.Put(r.conf.Availability, row.Claim)
			r.known = append(r.known, row.Node)
		}
		return err
	})
	slices.Sort(r.known)
	r.known = slices.Compact(r.known)
	return err
}

// begin begins an epoch and its draws.
func (r *auditRun) begin(ctx context.Context) (err error) {
	if r.epoch, err = r.store.NextEpoch(ctx, r.conf.Availability, r.secret()); err != nil {
		return err
	}
	frozen, err := r.store.Frozen(ctx, r.epoch.Number)
	if err != nil {
		return err
	}
	r.draws = availability.NewDraws(r.conf.Availability, r.epoch.Seed, r.epoch.StartMs, frozen)
	return nil
}

func (r *auditRun) secret() [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, r.seed+uint64(r.epoch.Number)))
}

// enter has every claim pass its entry audit.
func (r *auditRun) enter(ctx context.Context) (err error) {
	r.clock.add(r.conf.Availability.EntryDelay + time.Second)
	add := r.bars.step("entry audits", r.book.Len())
	r.result.entry, err = cost(func() error {
		for {
			n, err := r.round(ctx)
			if n == 0 || err != nil {
				return err
			}
			r.result.entries += n
			add(n)
		}
	})
	return err
}

// freeze ends the epoch, so that the next one's draws know of all that is proven now.
func (r *auditRun) freeze(ctx context.Context) error {
	return r.next(ctx, &r.result.freeze)
}

// turn ends another epoch, in which little changed.
func (r *auditRun) turn(ctx context.Context) error {
	return r.next(ctx, &r.result.turn)
}

func (r *auditRun) next(ctx context.Context, cpu *time.Duration) (err error) {
	r.clock.add(r.conf.Server.EpochLength)
	*cpu, err = cost(func() error { return r.begin(ctx) })
	return err
}

// operate lets the minutes go by.
func (r *auditRun) operate(ctx context.Context) error {
	add := r.bars.step("minutes", r.minutes)
	r.result.times = times{} // of the entry audits
	for range r.minutes {
		cpu, err := cost(func() error { return r.minute(ctx) })
		if err != nil {
			return err
		}
		r.result.minutes = append(r.result.minutes, cpu)
		add(1)
	}
	usage, err := process{"/proc", os.Getpid()}.usage()
	r.result.resident = usage.resident
	return err
}

func (r *auditRun) minute(ctx context.Context) error {
	for range time.Minute / roundEvery {
		r.hear()
		n, err := r.round(ctx)
		if err != nil {
			return err
		}
		r.result.audits += n
		r.clock.add(roundEvery)
	}
	return ctx.Err()
}

// hear takes the reports of the nodes whose turn it is, as far as they concern the book.
func (r *auditRun) hear() {
	turns := int64(reportEvery / roundEvery)
	turn := r.clock.ms.Load() / roundEvery.Milliseconds() % turns
	for i := turn; i < int64(len(r.known)); i += turns {
		for _, c := range r.book.Node(r.known[i]) {
			r.book.Hear(r.conf.Availability, c.ID, r.clock.ms.Load(), c.Addr, c.PeerID)
		}
	}
}

// round asks what is due, and has it judged.
func (r *auditRun) round(ctx context.Context) (int, error) {
	p, now := r.conf.Availability, r.clock.now()
	r.book.Overdue(p, now, p.MaxPerRound)
	begun := time.Now()
	due := r.book.Due(p, now, r.draws, p.MaxPerRound)
	r.result.looked(time.Since(begun), len(due))
	for batch := range slices.Chunk(due, judgedAtOnce) {
		if err := r.judge(ctx, batch); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// judge has audits passed.
func (r *auditRun) judge(ctx context.Context, batch []availability.Audit) error {
	var all []store.Judgement
	for _, a := range batch {
		all = append(all, store.Judgement{Audit: a, Outcome: passed(a), Epoch: r.epoch.Number, Carrier: availability.Wire})
	}
	begun := time.Now()
	judged, err := r.store.JudgeAudits(ctx, r.conf.Availability, all)
	if err != nil {
		return err
	}
	for _, j := range judged {
		r.book.Put(r.conf.Availability, j.Row.Claim)
	}
	r.result.judgements.add(time.Since(begun) / time.Duration(len(batch)))
	return nil
}

func passed(a availability.Audit) availability.Outcome {
	o := availability.Outcome{Bytes: 16 << 10 * bt.Bytes(len(a.Targets)), Elapsed: time.Second, RTT: 20 * time.Millisecond, PeerClient: "-SW0001-"}
	for _, t := range a.Targets {
		o.Results = append(o.Results, availability.Result{Target: t, Verdict: availability.Passed})
	}
	return o
}
