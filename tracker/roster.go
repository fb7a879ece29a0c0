package tracker

import (
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Member is what the announce path knows of a member. A value is never changed once it is in a
// roster: put a new one, with the same Wallet.
type Member struct {
	swarm.Member
	Name          string
	Secret        Secret
	Previous      Secret    // the secret before the last reset …
	PreviousUntil time.Time // … which answers "replaced" until then; zero: there is none
	Banned        string    // why, in words for the member; empty: not banned
	Silent        string    // why the member gets no peers until an operator clears it (ECONOMY §4); empty: may
	GateOK        bool      // staked + collateral ≥ the gate (ECONOMY §2)
}

// Torrent is what the announce path knows of a torrent; like Member, replaced and never changed.
// Prices change inside Meter.
type Torrent struct {
	Meter       *swarm.Torrent
	Name        string
	Hashes      []bt.InfoHash // v1, cut v2 or both: one torrent under each (BEP 52)
	Withdrawn   bool
	FreeUntilMs int64 // freeleech: it costs nothing until then
}

// Roster finds members and torrents. Answers must be quick: it is asked at every announce.
type Roster interface {
	Member(bt.MemberID) (*Member, bool)
	Torrent(bt.InfoHash) (*Torrent, bool)
	// Budget is the most a member wants reserved for a torrent at a time; 0: no such wish.
	Budget(bt.MemberID, bt.TorrentID) bt.Bytes
}

// Directory is a Roster in memory. Changes are seen by the next announce.
type Directory struct {
	mu       sync.RWMutex
	members  map[bt.MemberID]*Member
	torrents map[bt.InfoHash]*Torrent
	byID     map[bt.TorrentID]*Torrent
	budgets  map[swarm.DownloadKey]bt.Bytes
}

var _ Roster = (*Directory)(nil)

// NewDirectory returns an empty directory.
func NewDirectory() *Directory {
	return &Directory{
		members:  make(map[bt.MemberID]*Member),
		torrents: make(map[bt.InfoHash]*Torrent),
		byID:     make(map[bt.TorrentID]*Torrent),
		budgets:  make(map[swarm.DownloadKey]bt.Bytes),
	}
}

// Member finds a member by number.
func (d *Directory) Member(id bt.MemberID) (*Member, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	m, ok := d.members[id]
	return m, ok
}

// Torrent finds a torrent by any of its info-hashes.
func (d *Directory) Torrent(h bt.InfoHash) (*Torrent, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	t, ok := d.torrents[h]
	return t, ok
}

// TorrentByID finds a torrent by its number.
func (d *Directory) TorrentByID(id bt.TorrentID) (*Torrent, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	t, ok := d.byID[id]
	return t, ok
}

// Budget returns what SetBudget noted.
func (d *Directory) Budget(m bt.MemberID, t bt.TorrentID) bt.Bytes {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.budgets[swarm.DownloadKey{Member: m, Torrent: t}]
}

// SetBudget notes a member's budget for a torrent; 0 takes it away.
func (d *Directory) SetBudget(m bt.MemberID, t bt.TorrentID, n bt.Bytes) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := swarm.DownloadKey{Member: m, Torrent: t}
	if n <= 0 {
		delete(d.budgets, k)
		return
	}
	d.budgets[k] = n
}

// Wallet finds a member's wallet; nil if there is no such member. It fits swarm.New.
func (d *Directory) Wallet(id bt.MemberID) *swarm.Wallet {
	if m, ok := d.Member(id); ok {
		return m.Wallet
	}
	return nil
}

// PutMember adds or replaces a member. The wallet of a member already known stays, so that
// reservations are not lost: the one in m is replaced by it.
func (d *Directory) PutMember(m Member) *Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.members[m.ID]; old != nil {
		m.Wallet = old.Wallet
	} else if m.Wallet == nil {
		m.Wallet = new(swarm.Wallet)
	}
	d.members[m.ID] = &m
	return &m
}

// UpdateMember replaces a member by a changed copy; it reports false if there is none.
func (d *Directory) UpdateMember(id bt.MemberID, change func(*Member)) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.members[id]
	if old == nil {
		return false
	}
	m := *old
	change(&m)
	m.ID, m.Wallet = old.ID, old.Wallet
	d.members[id] = &m
	return true
}

// RemoveMember makes all keys of a member unknown.
func (d *Directory) RemoveMember(id bt.MemberID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.members, id)
}

// PutTorrent adds or replaces a torrent under all its info-hashes.
func (d *Directory) PutTorrent(t Torrent) *Torrent {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropHashes(t.Meter.ID)
	for _, h := range t.Hashes {
		d.torrents[h] = &t
	}
	d.byID[t.Meter.ID] = &t
	return &t
}

// RemoveTorrent makes a torrent unknown.
func (d *Directory) RemoveTorrent(id bt.TorrentID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropHashes(id)
	delete(d.byID, id)
}

func (d *Directory) dropHashes(id bt.TorrentID) {
	if old := d.byID[id]; old != nil {
		for _, h := range old.Hashes {
			delete(d.torrents, h)
		}
	}
}
