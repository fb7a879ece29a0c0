package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	password  = "correct horse battery"
	seedRate  = 1500 << 10 // bytes per second of each seeder
	leechRate = 300 << 10  // bytes per second that a leecher gives back

	buySum, stakeSum = 70 * tokens.Unit, 50 * tokens.Unit
	patience         = 90 * time.Second // for any one thing that must happen
	poll             = 250 * time.Millisecond
)

// story is the demo under way.
type story struct {
	out   io.Writer
	outMu sync.Mutex // guards above
	above io.Writer
	dir   string
	srv   *server.Server
	base  string
	log   *slog.Logger
	start time.Time

	infohash string
	torrent  bt.TorrentID
	sha256   string
	hosts    []*host
	leechers []*leecher

	mu      sync.Mutex // guards what the server's events write
	slashed tokens.Amount
	stops   []func()
	names   map[tokens.Account]string // whose accounts are whose, for the summary
}

// host is a member with a daemon.
type host struct {
	account *account
	data    string
	node    bt.NodeID
}

func (s *story) say(format string, args ...any) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	to := s.out
	if s.above != nil {
		to = s.above
	}
	fmt.Fprintf(to, "%5.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// sayAbove has lines written above progress bars while they are shown; nil ends it.
func (s *story) sayAbove(bars io.Writer) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	s.above = bars
}

// atEnd remembers how to stop something that was started.
func (s *story) atEnd(stop func()) { s.stops = append(s.stops, stop) }

func (s *story) stopAll() {
	var wg sync.WaitGroup
	for _, stop := range s.stops {
		wg.Add(1)
		go func() { defer wg.Done(); stop() }()
	}
	wg.Wait()
	s.stops = nil
}

// tell runs the scenes in order.
func (s *story) tell(ctx context.Context) (*summary, error) {
	s.start = time.Now()
	s.srv.Watch(s.watch)
	s.names = map[tokens.Account]string{}
	sum := &summary{store: s.srv.Store(), dataDir: filepath.Join(s.dir, "server"), names: s.names}
	for _, scene := range []func(context.Context, *summary) error{
		s.uploadScene, s.seedScene, s.refusedScene, s.downloadScene, s.quietScene, s.corruptScene, s.settleScene,
	} {
		if err := scene(ctx, sum); err != nil {
			return nil, err
		}
	}
	return sum, sum.collect(ctx, s)
}

func (s *story) watch(e server.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a := e.Audit; {
	case a == nil:
	case a.Verdict == availability.Corrupt:
		s.say("audit of node %d: wrong bytes (%s)", a.Claim.Node, a.Kind)
		if a.Slashed > 0 {
			s.slashed += a.Slashed
			s.say("confirmed at the last look: %s VIDYA of collateral slashed", a.Slashed)
		}
	}
	if e.Settled != nil && (e.Settled.Pot > 0 || e.Settled.Hosting > 0) {
		s.say("epoch %d settled: downloads had paid %s, uploaders earned %s, hosts %s", e.Settled.Epoch, e.Settled.Pot, e.Settled.Upload, e.Settled.Hosting)
	}
}

// member registers, buys on the curve and stakes.
func (s *story) member(ctx context.Context, name string, stake bool) (*account, error) {
	a, err := register(ctx, s.base, name)
	if err != nil {
		return nil, err
	}
	s.name(a)
	if !stake {
		return a, nil
	}
	if err := a.buy(ctx, buySum); err != nil {
		return nil, err
	}
	return a, a.stake(ctx, stakeSum)
}

func (s *story) name(a *account) {
	m := bt.MemberID(a.id)
	s.names[tokens.Available(m)], s.names[tokens.Staked(m)] = a.name, a.name+"'s stake"
}

func (s *story) uploadScene(ctx context.Context, _ *summary) error {
	s.say("tracker, website and API are at %s", s.base)
	ada, err := s.operator(ctx)
	if err != nil {
		return err
	}
	if err := ada.buy(ctx, buySum); err != nil {
		return err
	}
	if err := ada.stake(ctx, stakeSum); err != nil {
		return err
	}
	s.say("ada registered, bought %s VIDYA on the sale curve and staked %s of them", buySum, stakeSum)
	archive := filepath.Join(s.dir, "ada", archiveName)
	if s.sha256, err = writeArchive(archive); err != nil {
		return err
	}
	torrent, err := createTorrent(ctx, archive)
	if err != nil {
		return err
	}
	if s.infohash, err = ada.upload(ctx, torrent); err != nil {
		return err
	}
	if err := ada.call(ctx, http.MethodPost, "/api/v1/torrents/"+s.infohash+"/approve", map[string]string{}, nil); err != nil {
		return err
	}
	h, err := bt.ParseInfoHash(s.infohash)
	if err != nil {
		return err
	}
	t, err := s.srv.Store().TorrentByHash(ctx, h)
	if err != nil {
		return err
	}
	s.torrent = t.ID
	s.say("ada uploaded %s (%d MiB); it is approved and costs %s VIDYA/GiB", archiveName, archiveSize>>20, s.price(ctx))
	return nil
}

// seedScene starts two daemons and, if it is installed, Transmission, on copies of the archive.
func (s *story) seedScene(ctx context.Context, _ *summary) error {
	archive := filepath.Join(s.dir, "ada", archiveName)
	for i, name := range []string{"ben", "cleo"} {
		owner, err := s.member(ctx, name, true)
		if err != nil {
			return err
		}
		data := filepath.Join(s.dir, name, "data")
		if err := copyFile(archive, filepath.Join(data, archiveName)); err != nil {
			return err
		}
		p, err := s.daemon(ctx, owner, daemonHost+i, data)
		if err != nil {
			return err
		}
		s.atEnd(p.stop)
		h := &host{account: owner, data: data}
		if err := s.findNode(ctx, h); err != nil {
			return err
		}
		s.hosts = append(s.hosts, h)
		s.say("%s's seeder daemon is paired (process %d, at most %d KiB/s)", name, p.cmd.Process.Pid, seedRate>>10)
	}
	if err := s.pledge(ctx, s.hosts[0]); err != nil {
		return err
	}
	s.say("ben pledges %s VIDYA of collateral to his node; cleo pledges none and lets hers earn it", collateral)
	seeders := 2
	if _, err := exec.LookPath("transmission-daemon"); err == nil {
		if err := s.seedWithTransmission(ctx, archive); err != nil {
			return err
		}
		seeders++
	} else {
		s.say("transmission-daemon is not installed: the two daemons seed alone")
	}
	s.say("waiting for the entry audits ...")
	if err := s.until(ctx, "every seeder to pass its entry audit", func() (bool, error) { return s.provenSeeders(ctx, seeders) }); err != nil {
		return err
	}
	s.say("all %d seeders passed their entry audit: asked as a BitTorrent peer, they had the pieces", seeders)
	return nil
}

func (s *story) seedWithTransmission(ctx context.Context, archive string) error {
	tim, err := s.member(ctx, "tim", false)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "tim", "data")
	if err := copyFile(archive, filepath.Join(data, archiveName)); err != nil {
		return err
	}
	torrent, err := tim.torrentFile(ctx, s.infohash)
	if err != nil {
		return err
	}
	p, err := s.transmission(tim, torrent, data)
	if err != nil {
		return err
	}
	s.atEnd(p.stop)
	s.say("tim, a guest with nothing staked, seeds with Transmission: seeding is free")
	return nil
}

// findNode asks which number the daemon was registered under.
func (s *story) findNode(ctx context.Context, h *host) error {
	nodes, err := s.srv.Store().MemberNodes(ctx, bt.MemberID(h.account.id))
	if err != nil || len(nodes) == 0 {
		return errors.Join(err, fmt.Errorf("%s's daemon is not registered", h.account.name))
	}
	h.node = nodes[0].ID
	s.names[tokens.Collateral(h.node)] = h.account.name + "'s collateral"
	s.names[tokens.Retained(h.node)] = h.account.name + "'s retained earnings"
	return nil
}

// pledge puts collateral behind the daemon.
func (s *story) pledge(ctx context.Context, h *host) error {
	return h.account.call(ctx, http.MethodPost, fmt.Sprintf("/api/v1/nodes/%d/pledge", h.node), map[string]string{"amount_utok": utok(collateral)}, nil)
}

const collateral = 2 * tokens.Unit

func (s *story) provenSeeders(ctx context.Context, want int) (bool, error) {
	claims, err := s.srv.Store().LoadClaims(ctx)
	n := 0
	for _, c := range claims {
		if c.State == availability.Proven {
			n++
		}
	}
	return n >= want, err
}

// refusedScene lets somebody try without a stake.
func (s *story) refusedScene(ctx context.Context, sum *summary) error {
	ned, err := s.member(ctx, "ned", false)
	if err != nil {
		return err
	}
	torrent, err := ned.torrentFile(ctx, s.infohash)
	if err != nil {
		return err
	}
	refused := make(chan string, 1)
	l := s.peer(ctx, ned, torrent, leecherHost, func(text string) {
		const mark = "refused: "
		if len(text) > len(mark) && text[:len(mark)] == mark {
			select {
			case refused <- text[len(mark):]:
			default:
			}
		}
	})
	defer l.stop()
	select {
	case reason := <-refused:
		sum.Refused = append(sum.Refused, refusal{reason})
		s.say("ned has no stake; his client is told: %q", reason)
		return nil
	case err := <-l.result:
		return fmt.Errorf("ned's client ended before it was refused: %v", err)
	case <-time.After(patience):
		return errors.New("ned's client was not refused")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// corruptScene overwrites one host's files and waits for the slash.
func (s *story) corruptScene(ctx context.Context, _ *summary) error {
	h := s.hosts[0]
	if err := overwrite(filepath.Join(h.data, archiveName)); err != nil {
		return err
	}
	s.say("somebody overwrites the files of %s's daemon behind its back", h.account.name)
	return s.until(ctx, "the audits to find it and the slash", func() (bool, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.slashed > 0, nil
	})
}

// settleScene waits until every byte that was paid for is settled, and some hosting too.
func (s *story) settleScene(ctx context.Context, _ *summary) error {
	s.say("waiting for the epochs of these downloads to be settled ...")
	return s.until(ctx, "the settlement", func() (bool, error) {
		open, err := s.srv.Store().OpenPots(ctx)
		if err != nil || open > 0 {
			return false, err
		}
		paid, err := s.srv.Store().Totals(ctx, tokens.CodeHosting, tokens.CodeRetain)
		return len(paid) > 0, err
	})
}

// until polls until the condition holds, the story's time is over, or patience is.
func (s *story) until(ctx context.Context, what string, holds func() (bool, error)) error {
	deadline := time.After(patience)
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for %s: %w", what, ctx.Err())
		case <-deadline:
			return fmt.Errorf("waited %s in vain for %s", patience, what)
		case <-time.After(poll):
		}
	}
}

func (s *story) price(ctx context.Context) tokens.Amount {
	rows, err := s.srv.Store().RosterTorrents(ctx, s.torrent)
	if err != nil || len(rows) == 0 {
		return 0
	}
	return rows[0].Price.Price
}

// operator makes ada's account with the one-use set-up link and gets a token for her.
func (s *story) operator(ctx context.Context) (*account, error) {
	a, err := setUp(ctx, s.srv, "ada")
	if err != nil {
		return nil, fmt.Errorf("set up the operator: %w", err)
	}
	s.name(a)
	return a, nil
}
