package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	rowsPerCommit  = 2000
	pairsPerUpdate = 10_000 // between two moves of the bar and looks at the context
)

// filler carries out one population.
type filler struct {
	population
	conf    server.Config
	bars    *progress
	store   *store.Store
	secrets []tracker.Secret
	ids     []bt.MemberID
	hashes  []bt.InfoHash
}

func (f *filler) fill(ctx context.Context) (err error) {
	economy := f.conf.Economy
	economy.BasePrice, economy.AppealWindow = f.conf.Surge.Base, f.conf.Availability.AppealWindow
	economy.CollateralPerGiB = f.conf.Settle.CollateralPerGiB
	if f.store, err = store.Open(ctx, f.conf.Data, store.Options{Economy: economy}); err != nil {
		return err
	}
	err = f.rows(ctx)
	if err = errors.Join(err, f.store.Close()); err != nil {
		return err
	}
	return f.writePairs(ctx)
}

func (f *filler) rows(ctx context.Context) error {
	o, err := f.store.Overview(ctx)
	if err != nil {
		return err
	}
	if o.Members > 0 || o.Torrents > 0 {
		return fmt.Errorf("%s has %d members and %d torrents already: name a new folder with --data", f.conf.Data, o.Members, o.Torrents)
	}
	if err := f.addMembers(ctx); err != nil {
		return err
	}
	return f.addTorrents(ctx)
}

// price is the dearest that a torrent can become.
func (f *filler) price() tokens.Amount {
	return surge.PricePerGiB(f.conf.Surge, f.conf.Surge.MaxMultiplier)
}

// funds pay for all pairs of a member at once at the dearest price, and for one more, so that the
// warning about low funds stays silent too.
func (f *filler) funds() tokens.Amount {
	most := (f.count + f.members - 1) / f.members
	return tokens.Amount(most+1) * surge.Need(f.price(), torrentSize)
}

func (f *filler) addMembers(ctx context.Context) error {
	random := rand.NewChaCha8(seedOf(f.seed, 'm'))
	add := f.bars.step("members", f.members)
	stake := max(2*f.conf.Economy.Gate, tokens.Unit)
	funds := f.funds()
	for len(f.ids) < f.members {
		batch := make([]store.StakedMember, min(rowsPerCommit, f.members-len(f.ids)))
		for i := range batch {
			batch[i] = store.StakedMember{Name: fmt.Sprintf("bench-%07d", len(f.secrets)), Tokens: funds, Stake: stake, MaxPrice: f.price()}
			random.Read(batch[i].Secret[:])
			f.secrets = append(f.secrets, batch[i].Secret)
		}
		ids, err := f.store.AddStakedMembers(ctx, batch)
		if err != nil {
			return err
		}
		f.ids = append(f.ids, ids...)
		add(len(ids))
	}
	return nil
}

func (f *filler) addTorrents(ctx context.Context) error {
	random := rand.NewChaCha8(seedOf(f.seed, 't'))
	add := f.bars.step("torrents", f.torrents)
	for len(f.hashes) < f.torrents {
		batch := make([]store.NewTorrent, min(rowsPerCommit, f.torrents-len(f.hashes)))
		for i := range batch {
			n := len(f.hashes)
			t, err := newTorrent(fmt.Sprintf("bench-%07d.bin", n), random)
			if err != nil {
				return err
			}
			t.Uploader = f.ids[n%len(f.ids)]
			batch[i], f.hashes = t, append(f.hashes, t.InfoHash)
		}
		if _, err := f.store.AddTorrents(ctx, batch); err != nil {
			return err
		}
		add(len(batch))
	}
	return nil
}

// writePairs writes beside the file and moves the result into its place, so that a file under that
// name is always whole. Keys are secrets: only the owner may read it.
func (f *filler) writePairs(ctx context.Context) error {
	out, err := os.CreateTemp(filepath.Dir(f.pairs), ".pairs-*")
	if err != nil {
		return fmt.Errorf("write --pairs: %w", err)
	}
	err = errors.Join(f.streamPairs(ctx, out), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), f.pairs)
	}
	if err != nil {
		os.Remove(out.Name())
		return fmt.Errorf("write --pairs: %w", err)
	}
	return nil
}

func (f *filler) streamPairs(ctx context.Context, out *os.File) error {
	w := bufio.NewWriterSize(out, 1<<20)
	add := f.bars.step("pairs", f.count)
	s := spread{members: uint64(f.members), torrents: uint64(f.torrents), count: uint64(f.count), seed: f.seed}
	for k := range f.count {
		m, t := s.pair(uint64(k))
		fmt.Fprintf(w, "%x\t%s\n", f.hashes[t][:], tracker.KeyFor(f.secrets[m], f.ids[m], f.hashes[t]))
		if done := k + 1; done%pairsPerUpdate == 0 || done == f.count {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			add((done-1)%pairsPerUpdate + 1)
		}
	}
	return w.Flush()
}

// seedOf keeps the random numbers of two purposes apart.
func seedOf(seed uint64, purpose byte) (out [32]byte) {
	copy(out[:], "swarmstake bench")
	out[23] = purpose
	binary.BigEndian.PutUint64(out[24:], seed)
	return out
}
