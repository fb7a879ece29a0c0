package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// closing is an epoch whose claims are closed, at the settlement of epoch now.
type closing struct {
	number, startMs, endMs int64
	now                    int64
	seenFrom               int64 // downloads last seen in an earlier epoch are no suspects
	windowFrom             int64 // first epoch of which unexplained bytes still count
}

// closingOf reads what closing the claims of an epoch depends on.
func (s *Store) closingOf(ctx context.Context, p settle.Params, n, now int64) (closing, error) {
	c := closing{number: n, now: now}
	err := s.r.QueryRowContext(ctx, "SELECT start_ms, end_ms FROM epochs WHERE number = ?", n).Scan(&c.startMs, &c.endMs)
	if err != nil {
		return c, fmt.Errorf("read epoch %d: %w", n, notFound(err))
	}
	first := func(sinceMs int64) (number int64, err error) {
		err = s.r.QueryRowContext(ctx, "SELECT coalesce(min(number), 0) FROM epochs WHERE end_ms > ?", sinceMs).Scan(&number)
		return number, err
	}
	if c.seenFrom, err = first(c.startMs - p.IntroductionWindow.Milliseconds()); err != nil {
		return c, err
	}
	c.windowFrom, err = first(c.endMs - p.SilentWindow.Milliseconds())
	return c, err
}

// closeClaims ends the claims of the epoch that was reopened for the last time, of torrents without
// suspense too: what no download admits of them is laid to the charge of those that may have taken
// it (ECONOMY §4).
func (st *settlement) closeClaims(ctx context.Context) error {
	c, err := st.store.closingOf(ctx, st.rules.Settle, st.epoch.Number-OpenEpochs, st.epoch.Number)
	if errors.Is(err, ErrNotFound) {
		return nil // no epoch is so old
	}
	if err != nil {
		return err
	}
	torrents, err := collect[bt.TorrentID](ctx, st.store.r, `SELECT DISTINCT u.torrent FROM usage u WHERE u.epoch = ?
		AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.epoch = u.epoch AND s.torrent = u.torrent AND s.claims_closed > 0) ORDER BY u.torrent`, c.number)
	if err != nil {
		return err
	}
	return st.each(ctx, torrents, func(r *reader, torrents []bt.TorrentID) ([]step, error) { return st.closings(r, c, torrents) })
}

// closings explains the claims of the given torrents, in order.
func (st *settlement) closings(r *reader, c closing, torrents []bt.TorrentID) ([]step, error) {
	parties, err := readParties(r.ctx, r.Tx, c.number, torrents[0], torrents[len(torrents)-1])
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(torrents))
	for i, torrent := range torrents {
		x, err := st.explain(r, c, torrent, parties[torrent])
		if err != nil {
			return nil, fmt.Errorf("torrent %d: %w", torrent, err)
		}
		steps[i] = step{2 + len(x.result.Blames) + len(x.spares), func(t *tx) error { return t.closeTorrent(c, torrent, x) }}
	}
	return steps, nil
}

// explanation is what became of a torrent's open claims; nothing, if none were open.
type explanation struct {
	spares []spare
	result settle.UnexplainedResult
}

// closeTorrent ends the claims of a torrent's epoch. Claims closed already are left alone.
func (t *tx) closeTorrent(c closing, torrent bt.TorrentID, x explanation) error {
	// A torrent in which nothing was charged, or of which the first announces came after the epoch's
	// settlement, has no row yet.
	fresh, err := t.try(`INSERT INTO settlements (epoch, torrent, pot_utok, upload_utok, lockers_utok, treasury_utok, suspended_utok, at_ms, claims_closed)
		VALUES (?, ?, 0, 0, 0, 0, 0, ?, ?) ON CONFLICT DO UPDATE SET claims_closed = excluded.claims_closed WHERE claims_closed = 0`, c.number, torrent, t.nowMs(), c.now)
	if err != nil || !fresh {
		return err
	}
	if err := t.useSpares(torrent, x.spares, x.result.Explained); err != nil {
		return err
	}
	return t.saveBlames(c.number, torrent, x.result.Blames)
}

// openClaims are what eligible uploaders claim, and what of it they were not awarded; none if
// nothing is open.
func openClaims(parties []party, q qualities) []settle.OpenClaim {
	var out []settle.OpenClaim
	open := false
	for _, p := range parties {
		if p.claimed <= 0 || !p.eligible() {
			continue
		}
		left := max(0, p.claimed-p.awarded)
		open = open || left > 0
		out = append(out, settle.OpenClaim{Member: p.member, Bytes: left, Claimed: p.claimed, HonestyPPM: q.of(p.member), Network: p.network})
	}
	if !open {
		return nil
	}
	return out
}

// explain runs the rule over what is open of a torrent's claims.
func (st *settlement) explain(r *reader, c closing, torrent bt.TorrentID, parties []party) (x explanation, err error) {
	claims := openClaims(parties, st.quality)
	if len(claims) == 0 {
		return x, nil
	}
	if x.spares, err = r.spares(c, torrent); err != nil {
		return x, err
	}
	suspects, ties, err := r.suspects(c, torrent)
	if err != nil {
		return x, err
	}
	in := settle.UnexplainedInput{Params: st.rules.Settle, Claims: claims, Suspects: suspects, Introduced: ties.isIntroduced, Related: ties.related}
	for _, p := range parties {
		ties[p.member] = p.tie
		in.Admitted = min(in.Admitted+p.billed+p.free, 1<<60)
	}
	for _, s := range x.spares {
		in.Spare = min(in.Spare+s.bytes, 1<<60)
	}
	x.result, err = settle.Unexplained(in)
	return x, err
}

// spare is what a download admitted in an epoch and nobody was awarded.
type spare struct {
	epoch  int64
	member bt.MemberID
	bytes  bt.Bytes
}

// spareOf is what of the row u of usage, left-joined to its row s of suspense, explains claims:
// admitted bytes that nobody was awarded and that explained nothing yet. Bytes that were not charged
// never were anybody's to be paid for.
const spareOf = `max(0, coalesce(s.bytes, iif(u.charged_utok = 0, u.billed_bytes, u.unclaimed_bytes)) + u.free_bytes - u.explained_bytes)`

// spares lists what downloads admitted in the epoch, the one before and those after it until now:
// the nearest epoch first. An announce after a gap spreads its bytes over epochs otherwise than
// those on the other side did, and a charge that would fall into a settled epoch falls later.
func (r *reader) spares(c closing, torrent bt.TorrentID) ([]spare, error) {
	return scan(r.ctx, r.Tx, func(r *sql.Rows) (s spare, err error) { return s, r.Scan(&s.epoch, &s.member, &s.bytes) },
		`SELECT u.epoch, u.member, `+spareOf+` AS spare
		FROM epochs e CROSS JOIN usage u ON u.epoch = e.number AND u.torrent = ?
			LEFT JOIN suspense s ON s.epoch = u.epoch AND s.torrent = u.torrent AND s.member = u.member
		WHERE e.number BETWEEN ? AND ? AND spare > 0 ORDER BY abs(u.epoch - ?), u.epoch, u.member`,
		torrent, c.number-1, c.now, c.number)
}

// useSpares notes which admitted bytes explained claims, so that they explain no others.
func (t *tx) useSpares(torrent bt.TorrentID, spares []spare, explained bt.Bytes) error {
	for _, s := range spares {
		part := min(s.bytes, explained)
		if part == 0 {
			break
		}
		explained -= part
		if err := t.execMany("UPDATE usage SET explained_bytes = explained_bytes + ? WHERE epoch = ? AND torrent = ? AND member = ?",
			part, s.epoch, torrent, s.member); err != nil {
			return err
		}
	}
	return nil
}

// suspects are the downloads that may have taken bytes of the epoch in silence: begun before its
// end, not complete before it, seen within the window before it, of members that got peers. A
// download that never had anything left is a seed. Completion as such clears nobody: it is the
// client's own word, and what is open counts.
func (r *reader) suspects(c closing, torrent bt.TorrentID) ([]settle.Suspect, ties, error) {
	ties := ties{}
	out, err := scan(r.ctx, r.Tx, func(r *sql.Rows) (s settle.Suspect, err error) {
		var size, metered, before bt.Bytes
		var network string
		var introduced []byte
		var x tie
		err = r.Scan(&s.Member, &network, &size, &metered, &before, &x.inviter, &introduced)
		s.Network, x.introduced = parsePrefix(network), swarm.ParseIntroSet(introduced)
		s.Open = settle.Open(size, metered, 0, before)
		ties[s.Member] = x
		return s, err
	}, `SELECT u.member, u.network, t.size_bytes, d.metered_bytes - d.pass_metered_bytes + d.corroborated_bytes,
			coalesce((SELECT sum(x.bytes) FROM unexplained x WHERE x.member = u.member AND x.torrent = t.id AND x.epoch >= ?), 0),
			`+inviterOf+`, d.introduced
		FROM (SELECT u.member, max(u.epoch), u.network FROM epochs e CROSS JOIN usage u ON u.epoch = e.number AND u.torrent = ?
				WHERE e.number BETWEEN ? AND ? GROUP BY u.member) u
			JOIN torrents t ON t.id = ? JOIN downloads d ON d.member = u.member AND d.torrent = t.id JOIN members m ON m.id = u.member
		WHERE d.max_left_bytes > 0 AND d.first_ms < ? AND (d.completed_ms = 0 OR d.completed_ms >= ?) AND (m.silent_ms = 0 OR m.silent_ms >= ?)`,
		c.windowFrom, torrent, c.seenFrom, c.number, torrent, c.endMs, c.startMs, c.startMs)
	return out, ties, err
}

// saveBlames writes the blames of a torrent's epoch and their sum per member.
func (t *tx) saveBlames(epoch int64, torrent bt.TorrentID, blames []settle.Blame) error {
	for _, b := range blames {
		network := ""
		if b.Network.IsValid() {
			network = b.Network.String()
		}
		if err := t.execMany("INSERT INTO blames (epoch, torrent, member, claimant, bytes, firm_bytes, stake_bytes, network) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			epoch, torrent, b.Member, b.Claimant, b.Bytes, b.Firm, b.Stake, network); err != nil {
			return fmt.Errorf("write blame: %w", err)
		}
	}
	if len(blames) == 0 {
		return nil
	}
	err := t.execMany(`INSERT INTO unexplained (epoch, torrent, member, bytes)
		SELECT epoch, torrent, member, sum(bytes) FROM blames WHERE epoch = ? AND torrent = ? GROUP BY member`, epoch, torrent)
	if err != nil {
		return fmt.Errorf("write unexplained bytes: %w", err)
	}
	return nil
}

// forgetBlames deletes what is older than the window, except of members it was decided about.
func (t *tx) forgetBlames(p settle.Params, e Epoch) error {
	var first int64
	if err := t.row("SELECT coalesce(min(number), 0) FROM epochs WHERE end_ms > ?", e.EndMs-p.SilentWindow.Milliseconds()).Scan(&first); err != nil {
		return err
	}
	first -= OpenEpochs // the last to be closed looks back from its own end
	return errors.Join(
		t.exec(`DELETE FROM blames WHERE epoch < ? AND NOT EXISTS (SELECT 1 FROM unexplained x
			WHERE x.epoch = blames.epoch AND x.torrent = blames.torrent AND x.member = blames.member AND x.decided > 0)`, first),
		t.exec("DELETE FROM unexplained WHERE epoch < ? AND decided = 0", first))
}
