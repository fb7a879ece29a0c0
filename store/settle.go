package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Rules are what a settlement applies.
type Rules struct {
	Settle       settle.Params
	Availability availability.Params
}

// Settled is what the settlement of an epoch came to.
type Settled struct {
	Pot     tokens.Amount // charged in the epoch
	Upload  tokens.Amount // paid to uploaders now, of this epoch and of reopened ones
	Hosting tokens.Amount // earned by hosting, held or paid out
	// Silenced are the downloads for which members were found silent. A settlement that is called
	// again reports them again: they are to be told to the tracker once it succeeded.
	Silenced []Silenced
}

// OpenEpochs is for how many settlements after its own an epoch's claims stay open (ECONOMY §5.5).
const OpenEpochs = 2

// SettleEpoch settles an epoch that is over: its torrents one by one, then what earlier epochs
// left open, the oldest of which closes, then who took in silence, then inflation and the hosting
// reward. Each step is a transaction of its own with
// deterministic ids, so that a settlement that was interrupted is simply called again.
func (s *Store) SettleEpoch(ctx context.Context, r Rules, e Epoch) (Settled, error) {
	var out Settled
	torrents, err := collect[bt.TorrentID](ctx, s.r, "SELECT DISTINCT torrent FROM usage WHERE epoch = ? ORDER BY torrent", e.Number)
	if err != nil {
		return out, fmt.Errorf("settle epoch %d: %w", e.Number, err)
	}
	for _, torrent := range torrents {
		err := s.write(ctx, func(t *tx) error { return t.settleTorrent(r, e, torrent) })
		if err != nil {
			return out, fmt.Errorf("settle epoch %d, torrent %d: %w", e.Number, torrent, err)
		}
	}
	// The oldest comes last: what is left of the younger ones explains claims of it.
	for n := e.Number - 1; n >= max(1, e.Number-OpenEpochs); n-- {
		if err := s.reopen(ctx, r, n, e.Number, &out); err != nil {
			return out, fmt.Errorf("reopen epoch %d: %w", n, err)
		}
	}
	if out.Silenced, err = s.judgeSilence(ctx, r, e); err != nil {
		return out, fmt.Errorf("settle epoch %d: %w", e.Number, err)
	}
	err = s.write(ctx, func(t *tx) error { return t.closeEpoch(r, e, &out) })
	if err != nil {
		return out, fmt.Errorf("settle the pools of epoch %d: %w", e.Number, err)
	}
	return out, nil
}

// party is a member's part of a torrent in an epoch.
type party struct {
	member   bt.MemberID
	billed   bt.Bytes
	charged  tokens.Amount
	claimed  bt.Bytes
	from, to int64
	network  netip.Prefix
	standing bool // had a proven claim of the torrent in the epoch
	awarded  bt.Bytes
	tie
}

func (t *tx) parties(epoch int64, torrent bt.TorrentID) ([]party, error) {
	return scan(t.ctx, t.Tx, func(r *sql.Rows) (p party, err error) {
		var network string
		var introduced []byte
		err = r.Scan(&p.member, &p.billed, &p.charged, &p.claimed, &p.from, &p.to, &network, &p.standing, &p.awarded, &p.inviter, &introduced)
		p.network, p.introduced = parsePrefix(network), swarm.ParseIntroSet(introduced)
		return p, err
	}, `SELECT u.member, u.billed_bytes, u.charged_utok, u.claimed_bytes, u.from_ms, u.to_ms, u.network,
			EXISTS (SELECT 1 FROM claims c JOIN proven p ON p.claim = c.id LEFT JOIN nodes n ON n.id = c.node
				WHERE c.torrent = u.torrent AND c.member = u.member AND p.epoch = u.epoch AND p.proven_ms > 0 AND coalesce(n.suspended_ms, 0) = 0),
			coalesce((SELECT a.bytes FROM awards a WHERE a.epoch = u.epoch AND a.torrent = u.torrent AND a.member = u.member), 0),
			`+inviterOf+`, coalesce(d.introduced, x'')
		FROM usage u LEFT JOIN downloads d ON d.member = u.member AND d.torrent = u.torrent
		WHERE u.epoch = ? AND u.torrent = ? ORDER BY u.member`, epoch, torrent)
}

// inviterOf is who invited u.member; 0: nobody, or an operator, which relates nobody (ECONOMY §5).
const inviterOf = `coalesce((SELECT i.id FROM members m JOIN members i ON i.id = m.invited_by WHERE m.id = u.member AND i.operator = 0), 0)`

// tie is what connects a member with others: who invited it, and to whom its download was
// introduced.
type tie struct {
	inviter    bt.MemberID
	introduced swarm.IntroSet
}

// ties answers the settlement's questions about pairs of members. One that has no entry was
// introduced to nobody by itself, and invited by nobody.
type ties map[bt.MemberID]tie

func (t ties) isIntroduced(a, b bt.MemberID) bool {
	x, y := t[a], t[b]
	return x.introduced.Has(b) || y.introduced.Has(a)
}

func (t ties) related(a, b bt.MemberID) bool { return t[a].inviter == b || t[b].inviter == a }

func tiesOf(parties []party) ties {
	out := make(ties, len(parties))
	for _, p := range parties {
		out[p.member] = p.tie
	}
	return out
}

func (p party) presence() settle.Presence {
	return settle.Presence{FromMs: p.from, ToMs: p.to, Network: p.network}
}

// claimsOf are the parties' claims less what was awarded for them before.
func claimsOf(parties []party) []settle.Claim {
	var out []settle.Claim
	for _, p := range parties {
		if left := p.claimed - p.awarded; left > 0 {
			out = append(out, settle.Claim{Member: p.member, Bytes: left, Standing: p.standing, Presence: p.presence()})
		}
	}
	return out
}

// torrentInput is everything the split of a torrent and epoch depends on, claims less what was
// awarded for them before.
func (t *tx) torrentInput(r Rules, epoch int64, seed [32]byte, torrent bt.TorrentID) (settle.TorrentInput, error) {
	in := settle.TorrentInput{Epoch: epoch, Torrent: torrent, Seed: seed, Params: r.Settle}
	parties, err := t.parties(epoch, torrent)
	if err != nil {
		return in, err
	}
	ties := tiesOf(parties)
	in.Introduced, in.Related = ties.isIntroduced, ties.related
	in.Claims = claimsOf(parties)
	for _, p := range parties {
		if p.charged > 0 {
			in.Downloads = append(in.Downloads, settle.Download{Member: p.member, Bytes: p.billed, Charged: p.charged, Presence: p.presence()})
		}
	}
	return in, nil
}

// settleTorrent splits one torrent's part of the pot; one that was settled already is left alone.
func (t *tx) settleTorrent(r Rules, e Epoch, torrent bt.TorrentID) error {
	var n int
	if err := t.row("SELECT count(*) FROM settlements WHERE epoch = ? AND torrent = ?", e.Number, torrent).Scan(&n); err != nil || n > 0 {
		return err
	}
	in, err := t.torrentInput(r, e.Number, e.Seed, torrent)
	if err != nil {
		return err
	}
	res, err := settle.Torrent(in)
	if err != nil {
		return err
	}
	return t.paySplit(e.Number, torrent, res)
}

// paySplit posts a split and records it.
func (t *tx) paySplit(epoch int64, torrent bt.TorrentID, res settle.TorrentResult) error {
	pay := t.payer(epoch, torrent, tokens.Pot(epoch))
	var upload, suspended tokens.Amount
	for _, a := range res.Awards {
		upload += a.Pay
		if err := errors.Join(pay(fmt.Sprintf("upload/%d", a.Member), tokens.Available(a.Member), a.Pay, tokens.CodeUpload),
			t.addAward(epoch, torrent, a)); err != nil {
			return err
		}
	}
	for _, d := range res.Suspense {
		suspended += d.Amount
		if err := t.exec("INSERT INTO suspense (epoch, torrent, member, bytes, amount_utok) VALUES (?, ?, ?, ?, ?)",
			epoch, torrent, d.Member, d.Bytes, d.Amount); err != nil {
			return err
		}
	}
	// Nobody can lock tokens yet, so the lockers' share goes where ECONOMY §11 sends it then.
	err := errors.Join(pay("lockers", tokens.PoolHosting, res.Lockers, tokens.CodeLockers),
		pay("treasury", tokens.Treasury, res.Treasury, tokens.CodeTreasury),
		pay("suspense", tokens.Suspense(torrent), suspended, tokens.CodeSuspend))
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO settlements (epoch, torrent, pot_utok, upload_utok, lockers_utok, treasury_utok, suspended_utok, at_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, epoch, torrent, res.Charged, upload, res.Lockers, res.Treasury, suspended, t.nowMs())
}

// payer posts transfers of a settlement under settle/<epoch>/<torrent>/….
func (t *tx) payer(epoch int64, torrent bt.TorrentID, from tokens.Account) func(what string, to tokens.Account, a tokens.Amount, code tokens.Code) error {
	prefix := fmt.Sprintf("settle/%d/%d/", epoch, torrent)
	ref := fmt.Sprintf("torrent/%d epoch/%d", torrent, epoch)
	return func(what string, to tokens.Account, a tokens.Amount, code tokens.Code) error {
		if a == 0 {
			return nil
		}
		return t.post(tokens.Transfer{ID: prefix + what, Asset: tokens.Token, From: from, To: to, Amount: a, Code: code, Ref: ref})
	}
}

func (t *tx) addAward(epoch int64, torrent bt.TorrentID, a settle.Award) error {
	return t.exec(`INSERT INTO awards (epoch, torrent, member, bytes, pay_utok) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, pay_utok = pay_utok + excluded.pay_utok`, epoch, torrent, a.Member, a.Bytes, a.Pay)
}

// reopen offers what epoch n left in suspense once more, at the settlement of epoch now; at the
// last time the rest goes to the hosting pool and the claims are closed, of torrents without
// suspense too.
func (s *Store) reopen(ctx context.Context, r Rules, n, now int64, out *Settled) error {
	last := now >= n+OpenEpochs
	query, c := "SELECT DISTINCT torrent FROM suspense WHERE epoch = ? ORDER BY torrent", closing{}
	if last {
		query = "SELECT DISTINCT torrent FROM usage WHERE epoch = ? ORDER BY torrent"
		var err error
		if c, err = s.closingOf(ctx, r.Settle, n, now); err != nil {
			return err
		}
	}
	torrents, err := collect[bt.TorrentID](ctx, s.r, query, n)
	if err != nil {
		return err
	}
	for _, torrent := range torrents {
		err := s.write(ctx, func(t *tx) error {
			if err := t.reopenTorrent(r, n, now, torrent, out); err != nil || !last {
				return err
			}
			return t.closeClaims(r, c, torrent)
		})
		if err != nil {
			return fmt.Errorf("torrent %d: %w", torrent, err)
		}
	}
	return nil
}

func (t *tx) reopenTorrent(r Rules, n, now int64, torrent bt.TorrentID, out *Settled) error {
	var seed []byte
	var reopened int64
	err := t.row("SELECT e.seed, s.reopened FROM epochs e JOIN settlements s ON s.epoch = e.number WHERE e.number = ? AND s.torrent = ?", n, torrent).Scan(&seed, &reopened)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // nothing was charged in that epoch
	}
	if err != nil || reopened >= now {
		return err // this settlement was here before it was interrupted
	}
	dues, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (d settle.Suspended, err error) { return d, r.Scan(&d.Member, &d.Bytes, &d.Amount) },
		"SELECT member, bytes, amount_utok FROM suspense WHERE epoch = ? AND torrent = ?", n, torrent)
	if err != nil || len(dues) == 0 {
		return err
	}
	in, err := t.torrentInput(r, n, [32]byte(seed), torrent)
	if err != nil {
		return err
	}
	res, err := settle.Reopen(in, dues)
	if err != nil {
		return err
	}
	return t.payReopened(n, now, torrent, res.Awards, res.Suspense, out)
}

func (t *tx) payReopened(n, now int64, torrent bt.TorrentID, awards []settle.Award, rest []settle.Suspended, out *Settled) error {
	pay := t.payer(n, torrent, tokens.Suspense(torrent))
	for _, a := range awards {
		out.Upload += a.Pay
		if err := errors.Join(pay(fmt.Sprintf("reopened/%d/upload/%d", now, a.Member), tokens.Available(a.Member), a.Pay, tokens.CodeUpload),
			t.addAward(n, torrent, a)); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM suspense WHERE epoch = ? AND torrent = ?", n, torrent); err != nil {
		return err
	}
	var unclaimed tokens.Amount
	for _, d := range rest {
		unclaimed += d.Amount
		if now < n+OpenEpochs {
			if err := t.exec("INSERT INTO suspense (epoch, torrent, member, bytes, amount_utok) VALUES (?, ?, ?, ?, ?)", n, torrent, d.Member, d.Bytes, d.Amount); err != nil {
				return err
			}
			continue
		}
		if err := t.change("UPDATE usage SET unclaimed_bytes = ? WHERE epoch = ? AND torrent = ? AND member = ?", d.Bytes, n, torrent, d.Member); err != nil {
			return err
		}
	}
	if now >= n+OpenEpochs {
		if err := pay("unclaimed", tokens.PoolHosting, unclaimed, tokens.CodeUnclaimed); err != nil {
			return err
		}
	}
	return t.exec("UPDATE settlements SET reopened = ? WHERE epoch = ? AND torrent = ?", now, n, torrent)
}

// closeEpoch asserts that the pot is empty, mints the inflation, pays the hosting reward, updates
// the rates at which uploads were awarded, forgets old suspicions, and marks the epoch settled.
func (t *tx) closeEpoch(r Rules, e Epoch, out *Settled) error {
	pot, err := t.balance(tokens.Token, tokens.Pot(e.Number))
	if err != nil {
		return err
	}
	if pot != 0 {
		return fmt.Errorf("%s holds %d utok after its last torrent", tokens.Pot(e.Number), pot)
	}
	var settled int64
	if err := t.row("SELECT settled_ms FROM epochs WHERE number = ?", e.Number).Scan(&settled); err != nil || settled > 0 {
		return err
	}
	var own tokens.Amount
	if err := t.row("SELECT coalesce(sum(pot_utok), 0), coalesce(sum(upload_utok), 0) FROM settlements WHERE epoch = ?", e.Number).Scan(&out.Pot, &own); err != nil {
		return err
	}
	out.Upload += own
	length := time.Duration(e.EndMs-e.StartMs) * time.Millisecond
	if err := t.inflate(r, e.Number, length); err != nil {
		return err
	}
	if out.Hosting, err = t.payHosting(r, e.Number); err != nil {
		return err
	}
	if err := t.updateRates(e.Number, length); err != nil {
		return err
	}
	if err := t.forgetBlames(r.Settle, e); err != nil {
		return err
	}
	return t.change("UPDATE epochs SET settled_ms = ? WHERE number = ?", t.nowMs(), e.Number)
}

// inflate mints the hosting pool's part of the epoch's inflation. The hot pool's part is minted as
// far as it will be used (ECONOMY §6), and nothing is paid from it yet.
func (t *tx) inflate(r Rules, epoch int64, length time.Duration) error {
	issued, err := t.balance(tokens.Token, tokens.Issuance)
	if err != nil {
		return err
	}
	burned, err := t.balance(tokens.Token, tokens.Burned)
	if err != nil {
		return err
	}
	a := tokens.PPM(settle.Inflation(-issued-burned, r.Settle.InflationPPM, length), r.Settle.InflationHostingPPM)
	if a == 0 {
		return nil
	}
	return t.post(tokens.Transfer{ID: fmt.Sprintf("inflation/%d", epoch), Asset: tokens.Token, From: tokens.Issuance, To: tokens.PoolHosting,
		Amount: a, Code: tokens.CodeInflation, Ref: fmt.Sprintf("epoch/%d", epoch)})
}

// payHosting pays each node (and each member's standard clients) in at most two transfers.
func (t *tx) payHosting(r Rules, epoch int64) (tokens.Amount, error) {
	pool, err := t.balance(tokens.Token, tokens.PoolHosting)
	if err != nil {
		return 0, err
	}
	hosts, nodes, err := t.hosts(r, epoch)
	if err != nil {
		return 0, err
	}
	type payee struct {
		member bt.MemberID
		node   bt.NodeID
	}
	gross, held := map[payee]tokens.Amount{}, map[payee]tokens.Amount{}
	var order []payee
	var sum tokens.Amount
	lines, err := settle.Hosting(settle.HostingInput{Epoch: epoch, Params: r.Settle, Pool: pool, Hosts: hosts, Nodes: nodes})
	if err != nil {
		return 0, err
	}
	for _, w := range lines {
		p := payee{w.Member, w.Node}
		if gross[p] == 0 {
			order = append(order, p)
		}
		gross[p], held[p], sum = gross[p]+w.Gross, held[p]+w.Held, sum+w.Gross
		if err := t.exec("INSERT INTO hosting (epoch, torrent, member, node, gross_utok, held_utok) VALUES (?, ?, ?, ?, ?, ?)",
			epoch, w.Torrent, w.Member, w.Node, w.Gross, w.Held); err != nil {
			return 0, err
		}
	}
	for _, p := range order {
		if err := t.payHost(epoch, p.member, p.node, gross[p]-held[p], held[p]); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func (t *tx) payHost(epoch int64, m bt.MemberID, n bt.NodeID, net, held tokens.Amount) error {
	for _, p := range []struct {
		to     tokens.Account
		amount tokens.Amount
		code   tokens.Code
	}{{tokens.Available(m), net, tokens.CodeHosting}, {tokens.Retained(n), held, tokens.CodeRetain}} {
		if p.amount == 0 {
			continue
		}
		if err := t.post(tokens.Transfer{ID: fmt.Sprintf("%s/%d/%d/%d", p.code, epoch, m, n), Asset: tokens.Token, From: tokens.PoolHosting, To: p.to,
			Amount: p.amount, Code: p.code, Ref: fmt.Sprintf("node/%d epoch/%d", n, epoch)}); err != nil {
			return err
		}
	}
	return nil
}

// hosts reads the epoch's proven work and what covers it.
func (t *tx) hosts(r Rules, epoch int64) ([]settle.Host, map[bt.NodeID]settle.Pledge, error) {
	nodes := map[bt.NodeID]settle.Pledge{}
	type row struct {
		settle.Host
		standing  string
		suspended bool
	}
	rows, err := scan(t.ctx, t.Tx, func(x *sql.Rows) (h row, err error) {
		var network string
		err = x.Scan(&h.Member, &h.Node, &h.Torrent, &h.Publisher, &h.Approved, &h.Bytes, &h.ProvenSeconds, &network, &h.standing, &h.suspended)
		h.Network = parsePrefix(network)
		return h, err
	}, `SELECT c.member, c.node, c.torrent, t.uploader, t.approved_ms > 0 AND t.withdrawn_ms = 0, c.bytes, min(p.proven_ms / 1000, ?), c.network,
			coalesce(n.standing, ''), coalesce(n.suspended_ms, 0) > 0
		FROM proven p JOIN claims c ON c.id = p.claim JOIN torrents t ON t.id = c.torrent LEFT JOIN nodes n ON n.id = c.node
		WHERE p.epoch = ? ORDER BY c.id`, settle.MaxProvenSeconds, epoch)
	if err != nil {
		return nil, nil, err
	}
	var hosts []settle.Host
	for _, h := range rows {
		st, err := parseStanding(r.Availability, h.standing)
		if err != nil {
			return nil, nil, err
		}
		if h.suspended {
			continue
		}
		h.ScorePPM = st.Audit.PPM()
		hosts = append(hosts, h.Host)
		if h.Node == 0 {
			continue
		}
		if nodes[h.Node], err = t.nodePledge(h.Node); err != nil {
			return nil, nil, err
		}
	}
	return hosts, nodes, nil
}

// updateRates moves each member's award rate: up to this epoch's at once, down by a tenth.
func (t *tx) updateRates(epoch int64, length time.Duration) error {
	if err := t.exec("UPDATE award_rates SET bytes_per_s = bytes_per_s * 9 / 10"); err != nil {
		return err
	}
	return t.exec(`INSERT INTO award_rates (member, bytes_per_s) SELECT member, sum(bytes) * 1000 / ? FROM awards WHERE epoch = ? GROUP BY member
		ON CONFLICT DO UPDATE SET bytes_per_s = max(bytes_per_s, excluded.bytes_per_s)`, max(1, length.Milliseconds()), epoch)
}

// OpenPots is what epochs' pots hold that are not settled yet.
func (s *Store) OpenPots(ctx context.Context) (tokens.Amount, error) {
	var a tokens.Amount
	err := s.r.QueryRowContext(ctx, "SELECT coalesce(sum(balance), 0) FROM accounts WHERE asset = 'token' AND name GLOB 'pot/*'").Scan(&a)
	return a, err
}
