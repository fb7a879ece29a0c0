package server

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// roster keeps the announce path's directory in step with the store.
type roster struct {
	dir   *tracker.Directory
	store *store.Store
	rules func() *Rules // in force
	base  string

	refresh  sync.Mutex // held from a read of the store until it is put, so that an older one cannot come later
	mu       sync.RWMutex
	torrents map[bt.TorrentID]store.RosterTorrent
	policy   atomic.Pointer[tracker.ClientPolicy]
}

var (
	_ web.Roster = (*roster)(nil)
	_ web.Keys   = (*roster)(nil)
)

func newRoster(rules func() *Rules) *roster {
	return &roster{dir: tracker.NewDirectory(), rules: rules, torrents: map[bt.TorrentID]store.RosterTorrent{}}
}

// load reads everything, once, before the first announce.
func (r *roster) load(ctx context.Context) error {
	members, err := r.store.RosterMembers(ctx)
	if err != nil {
		return fmt.Errorf("load members: %w", err)
	}
	for _, m := range members {
		r.putMember(m)
		r.dir.Wallet(m.ID).Set(tokens.Amount(m.Funds.Available), tokens.Amount(m.Funds.Staked))
		r.dir.Wallet(m.ID).SetAllowance(0, bt.Bytes(m.Funds.Allowance))
	}
	torrents, err := r.store.RosterTorrents(ctx)
	if err != nil {
		return fmt.Errorf("load torrents: %w", err)
	}
	for _, t := range torrents {
		r.putTorrent(t)
	}
	budgets, err := r.store.Budgets(ctx)
	if err != nil {
		return fmt.Errorf("load budgets: %w", err)
	}
	for _, b := range budgets {
		r.dir.SetBudget(b.Member, b.Torrent, b.Bytes)
	}
	return r.ClientsChanged(ctx)
}

// clients is the policy in force.
func (r *roster) clients() tracker.ClientPolicy { return *r.policy.Load() }

// ClientsChanged reads the client policy: the next announce is judged by it.
func (r *roster) ClientsChanged(ctx context.Context) error {
	r.refresh.Lock()
	defer r.refresh.Unlock()
	p, err := r.store.ClientPolicy(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("load the client policy: %w", err)
	}
	r.policy.Store(&p)
	return nil
}

// BudgetChanged reads a member's budget for a torrent.
func (r *roster) BudgetChanged(ctx context.Context, m bt.MemberID, t bt.TorrentID) error {
	r.refresh.Lock()
	defer r.refresh.Unlock()
	n, err := r.store.BudgetOf(context.WithoutCancel(ctx), m, t)
	if err != nil {
		return fmt.Errorf("load a budget: %w", err)
	}
	r.dir.SetBudget(m, t, n)
	return nil
}

func (r *roster) putMember(m store.RosterMember) {
	old := time.Time{}
	if m.OldUntilMs > 0 {
		old = time.UnixMilli(m.OldUntilMs)
	}
	r.dir.PutMember(tracker.Member{
		Member: swarm.Member{ID: m.ID, MaxPrice: m.MaxPrice}, Name: m.Name, Secret: m.Secret, Previous: m.OldSecret,
		PreviousUntil: old, Banned: m.Banned, Silent: m.Silent, GateOK: m.Funds.GateOK,
	})
}

func (r *roster) putTorrent(t store.RosterTorrent) {
	hashes := []bt.InfoHash{t.InfoHash}
	if t.InfoHash2 != (bt.InfoHash{}) {
		hashes = append(hashes, t.InfoHash2)
	}
	price, multiplier := t.Price.Price, t.Price.MultiplierPPM
	if t.Price.AtMs == 0 {
		p := r.rules().Surge
		multiplier = surge.Initial(p).MultiplierPPM
		price = surge.PricePerGiB(p, multiplier)
	}
	meter := swarm.NewTorrent(t.ID, t.Size, t.PieceBytes, price, multiplier)
	if old, ok := r.dir.TorrentByID(t.ID); ok {
		meter = old.Meter // prices and quotes go on
	}
	r.dir.PutTorrent(tracker.Torrent{Meter: meter, Name: t.Name, Hashes: hashes, Withdrawn: t.Withdrawn, FreeUntilMs: t.FreeUntilMs})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.torrents[t.ID] = t
}

func (r *roster) torrent(id bt.TorrentID) (store.RosterTorrent, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.torrents[id]
	return t, ok
}

func (r *roster) torrentIDs() []bt.TorrentID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ids := make([]bt.TorrentID, 0, len(r.torrents))
	for id := range r.torrents {
		ids = append(ids, id)
	}
	return ids
}

func (r *roster) setPrice(id bt.TorrentID, price tokens.Amount, multiplierPPM int64) {
	if t, ok := r.dir.TorrentByID(id); ok {
		t.Meter.SetPrice(price, multiplierPPM)
	}
}

// TorrentAdded reads a new or changed torrent. It is in the store already, so that a caller who
// hangs up now must not keep it from the announces.
func (r *roster) TorrentAdded(ctx context.Context, id bt.TorrentID) error {
	r.refresh.Lock()
	defer r.refresh.Unlock()
	torrents, err := r.store.RosterTorrents(context.WithoutCancel(ctx), id)
	for _, t := range torrents {
		r.putTorrent(t)
	}
	return err
}

// MemberAdded reads a new or changed member. The funds come by onFunds, in commit order: what is
// read here could be older than a commit that was told already.
func (r *roster) MemberAdded(ctx context.Context, id bt.MemberID) error {
	r.refresh.Lock()
	defer r.refresh.Unlock()
	ctx = context.WithoutCancel(ctx) // as in TorrentAdded
	members, err := r.store.RosterMembers(ctx, id)
	if err != nil {
		return err
	}
	for _, m := range members {
		r.putMember(m)
	}
	return r.store.RefreshFunds(ctx, id)
}

// AnnounceURL is the member's personal announce URL for a torrent.
func (r *roster) AnnounceURL(id bt.MemberID, h bt.InfoHash) string {
	m, ok := r.dir.Member(id)
	if !ok {
		return ""
	}
	return r.base + "/announce/" + tracker.KeyFor(m.Secret, id, h) + "/announce"
}

// onFunds takes balances from a commit. The store calls it in commit order.
func (r *roster) onFunds(funds []store.Funds) {
	for _, f := range funds {
		m, ok := r.dir.Member(f.Member)
		if !ok {
			continue // made by this very commit: MemberAdded follows and asks again
		}
		m.Wallet.Flushed(tokens.Amount(f.Charged), tokens.Amount(f.Available), tokens.Amount(f.Staked))
		m.Wallet.SetAllowance(bt.Bytes(f.Used), bt.Bytes(f.Allowance))
		if m.GateOK != f.GateOK {
			r.dir.UpdateMember(f.Member, func(m *tracker.Member) { m.GateOK = f.GateOK })
		}
	}
}
