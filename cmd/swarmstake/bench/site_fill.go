package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	siteDays      = 30
	transferBatch = 5000
	siteDownloads = 100 // in each epoch, of as many torrents
	siteFunds     = 2000 * tokens.Unit
	siteToken     = "swst_bench-site-of-an-operator-with-many-transfers"
	siteMember    = "bench-busy"
)

// siteFiller makes the database of one measurement. Its clock goes from a month ago to now.
type siteFiller struct {
	site
	conf  server.Config
	bars  *progress
	store *store.Store
	clock clock
	begin time.Time
	busy  bt.MemberID
	first bt.MemberID // of the others, who have consecutive numbers
	begun bt.TorrentID
}

// fill makes what is missing. What is made depends on the seed only, so that an interrupted fill goes on.
func (s site) fill(ctx context.Context, conf server.Config, bars *progress) error {
	release, err := server.Lock(conf.Data)
	if err != nil {
		return err
	}
	defer release()
	f := siteFiller{site: s, conf: conf, bars: bars, begin: time.Now().Add(-siteDays * 24 * time.Hour)}
	f.at(0)
	economy := conf.Economy
	economy.BasePrice, economy.AppealWindow, economy.CollateralPerGiB = conf.Surge.Base, conf.Availability.AppealWindow, conf.Settle.CollateralPerGiB
	f.store, err = store.Open(ctx, conf.Data, store.Options{Economy: economy, Now: f.clock.now})
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{f.addBusy, f.addMembers, f.addTorrents, f.addTime} {
		if err = step(ctx); err != nil {
			break
		}
	}
	return errors.Join(err, f.store.Close())
}

// at sets the clock to the begin of a span of time.
func (f *siteFiller) at(span int) {
	f.clock.ms.Store(f.begin.Add(time.Duration(span) * siteDays * 24 * time.Hour / time.Duration(f.spans)).UnixMilli())
}

// addBusy makes the member who asks for pages: an operator, so that no page is closed.
func (f *siteFiller) addBusy(ctx context.Context) error {
	m, err := f.store.MemberByName(ctx, siteMember)
	if errors.Is(err, store.ErrNotFound) {
		grant := store.Grant{NewMember: store.NewMember{Name: siteMember, Operator: true}, Tokens: 100 * siteFunds, Stake: 2 * f.conf.Economy.Gate, APIToken: siteToken, TokenTTL: 10 * 365 * 24 * time.Hour}
		var g store.Granted
		g, err = f.store.AddMember(ctx, grant)
		m = g.Member
	}
	f.busy = m.ID
	return err
}

func (f *siteFiller) addMembers(ctx context.Context) error {
	name := func(i int) string { return fmt.Sprintf("bench-%07d", i) }
	done, err := searched(f.members, func(i int) error { _, err := f.store.MemberByName(ctx, name(i)); return err })
	add := f.bars.step("members", f.members)
	add(done)
	for err == nil && done < f.members {
		batch := make([]store.StakedMember, min(rowsPerCommit, f.members-done))
		for i := range batch {
			batch[i] = store.StakedMember{Name: name(done + i), Tokens: siteFunds, Stake: max(2*f.conf.Economy.Gate, tokens.Unit)}
			rand.NewChaCha8(seedOf(f.seed, byte(done+i))).Read(batch[i].Secret[:])
		}
		_, err = f.store.AddStakedMembers(ctx, batch)
		done += len(batch)
		add(len(batch))
	}
	if err != nil {
		return err
	}
	m, err := f.store.MemberByName(ctx, name(0))
	f.first = m.ID
	return err
}

// addTorrents takes the catalogue in over the first half of the time.
func (f *siteFiller) addTorrents(ctx context.Context) error {
	done, err := searched(f.torrents, func(i int) error {
		t, err := f.torrent(i)
		if err == nil {
			_, err = f.store.TorrentByHash(ctx, t.InfoHash)
		}
		return err
	})
	add := f.bars.step("torrents", f.torrents)
	add(done)
	for err == nil && done < f.torrents {
		f.clock.ms.Store(f.begin.UnixMilli() + int64(done)) // one after the other, all before the first epoch
		batch := make([]store.NewTorrent, min(rowsPerCommit, f.torrents-done))
		for i := range batch {
			if batch[i], err = f.torrent(done + i); err != nil {
				return err
			}
		}
		_, err = f.store.AddTorrents(ctx, batch)
		done += len(batch)
		add(len(batch))
	}
	if err != nil {
		return err
	}
	t, err := f.torrent(0)
	if err != nil {
		return err
	}
	first, err := f.store.TorrentByHash(ctx, t.InfoHash)
	f.begun = first.ID
	return err
}

func (f *siteFiller) torrent(i int) (store.NewTorrent, error) {
	seed := seedOf(f.seed, 'n')
	seed[0], seed[1], seed[2], seed[3] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
	t, err := newTorrent(siteName(i), rand.NewChaCha8(seed))
	t.Tags = []string{siteWord(i % siteTags)}
	t.Uploader = f.first + bt.MemberID(i%f.members)
	if i%100 == 0 {
		t.Uploader = f.busy
	}
	return t, err
}

// addTime lets the time pass: in each span so many transfers are made, then some torrents are downloaded, and
// the epoch is settled.
func (f *siteFiller) addTime(ctx context.Context) error {
	if err := f.addPools(ctx); err != nil {
		return err
	}
	add := f.bars.step("transfers", f.transfers)
	for span := range f.spans {
		f.at(span)
		epochs, err := f.store.Epochs(ctx, 1)
		if err != nil {
			return err
		}
		if len(epochs) > 0 && epochs[0].Number > int64(span)+1 {
			add(f.transfers / f.spans)
			continue // this span is over
		}
		if len(epochs) == 0 {
			if _, err := f.store.NextEpoch(ctx, f.conf.Availability, seedOf(f.seed, 'e')); err != nil {
				return err
			}
		}
		if err := f.addTransfers(ctx, span, add); err != nil {
			return err
		}
		if err := f.addUsage(ctx, span); err != nil {
			return err
		}
	}
	return nil
}

// addPools gives the pools what they pay.
func (f *siteFiller) addPools(ctx context.Context) error {
	return f.store.Post(ctx,
		tokens.Transfer{ID: "bench/hosting", Asset: tokens.Token, From: tokens.Issuance, To: tokens.PoolHosting, Amount: tokens.Amount(f.transfers) * tokens.Unit, Code: tokens.CodeGrant, Ref: "bench site"},
		tokens.Transfer{ID: "bench/hot", Asset: tokens.Token, From: tokens.Issuance, To: tokens.PoolHot, Amount: tokens.Amount(f.transfers) * tokens.Unit, Code: tokens.CodeGrant, Ref: "bench site"})
}

// addTransfers posts a span's part of all transfers. Posted again they are there already.
func (f *siteFiller) addTransfers(ctx context.Context, span int, add func(int)) error {
	from, to := f.transfers/f.spans*span, f.transfers/f.spans*(span+1)
	if span == f.spans-1 {
		to = f.transfers
	}
	for from < to {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch := make([]tokens.Transfer, 0, transferBatch)
		for ; from < to && len(batch) < transferBatch; from++ {
			batch = append(batch, f.transfer(from, span))
		}
		if err := f.store.Post(ctx, batch...); err != nil {
			return err
		}
		add(len(batch))
	}
	return nil
}

// transfer is the k-th: members earn by hosting and uploading, and pay for downloads.
func (f *siteFiller) transfer(k, span int) tokens.Transfer {
	random := rand.New(rand.NewPCG(f.seed, uint64(k)))
	m := f.first + bt.MemberID(random.IntN(f.members))
	if every := f.transfers / f.site.busy; k%every == 0 {
		m = f.busy
	}
	ref := fmt.Sprintf("epoch/%d torrent/%d", span+1, int(f.begun)+random.IntN(f.torrents))
	t := tokens.Transfer{ID: fmt.Sprintf("bench/%09d", k), Asset: tokens.Token, From: tokens.PoolHosting, To: tokens.Available(m),
		Amount: tokens.Amount(1 + random.Int64N(int64(tokens.Unit)/10)), Code: tokens.CodeHosting, Ref: ref}
	switch random.IntN(4) {
	case 0:
		t.From, t.Code = tokens.PoolHot, tokens.CodeHot
	case 1:
		t.From, t.To, t.Code, t.Ref = tokens.Available(m), tokens.PoolHosting, tokens.CodeCharge, fmt.Sprintf("flush/%d", k)
	}
	return t
}

// addUsage has members pay for downloads of the span's epoch, ends it, and settles what can be settled.
func (f *siteFiller) addUsage(ctx context.Context, span int) error {
	random := rand.New(rand.NewPCG(f.seed, uint64(span)<<32))
	now := f.clock.now().UnixMilli()
	b := &swarm.Batch{Number: int64(span) + 1}
	for i := range min(siteDownloads, f.torrents) {
		t := f.begun + bt.TorrentID(random.IntN(f.torrents))
		taker, seeder := f.first+bt.MemberID(random.IntN(f.members)), f.first+bt.MemberID(random.IntN(f.members))
		if i%10 == 0 {
			taker = f.busy
		}
		if i%10 == 1 {
			seeder = f.busy
		}
		if taker == seeder {
			continue
		}
		k := swarm.DownloadKey{Member: taker, Torrent: t}
		b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: k, Metered: bt.GiB, Billed: bt.GiB, MaxLeft: bt.GiB, Cost: 10 * tokens.Unit, Charged: 10 * tokens.Unit, Seq: int64(span) + 1, FirstMs: now, Completed: now + 60_000})
		b.Usage = append(b.Usage, swarm.UsageRow{Epoch: int64(span) + 1, DownloadKey: k, Billed: bt.GiB, Charge: 10 * tokens.Unit, FromMs: now, ToMs: now + 60_000},
			swarm.UsageRow{Epoch: int64(span) + 1, DownloadKey: swarm.DownloadKey{Member: seeder, Torrent: t}, Claimed: bt.GiB, FromMs: now, ToMs: now + 60_000})
	}
	if err := f.store.Flush(ctx, b); err != nil {
		return err
	}
	f.at(span + 1)
	if _, err := f.store.NextEpoch(ctx, f.conf.Availability, seedOf(f.seed, 'e')); err != nil {
		return err
	}
	epochs, err := f.store.Unsettled(ctx)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		if e.EndMs == 0 || e.SettledMs > 0 {
			continue
		}
		if _, err := f.store.SettleEpoch(ctx, store.Rules{Settle: f.conf.Settle, Availability: f.conf.Availability, Surge: f.conf.Surge}, e); err != nil {
			return err
		}
	}
	return nil
}

// searched finds how many of n things that were made in order are there.
func searched(n int, look func(int) error) (int, error) {
	var failed error
	done := sort.Search(n, func(i int) bool {
		err := look(i)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = err
		}
		return err != nil
	})
	return done, failed
}
