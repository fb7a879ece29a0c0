package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ErrNotOperator says that only an operator may do what was asked.
var ErrNotOperator = errors.New("only an operator may do this")

// Silenced is a download of a member whom a settlement found silent, or who was and of whom more
// came to light, and what that cost. The meter holds a reservation for the download, of which
// Amount is gone from the member's available balance.
type Silenced struct {
	Member  bt.MemberID
	Torrent bt.TorrentID
	Bytes   bt.Bytes      // what Amount buys at the download's quote
	Amount  tokens.Amount // may be 0: nothing was reserved any more
}

// judgeSilence judges the members to whose charge the epoch whose claims were closed laid more
// bytes, and reports what this settlement decided, also if it decided it before it was interrupted.
func (st *settlement) judgeSilence(ctx context.Context) error {
	s, r, e := st.store, st.rules, st.epoch
	c, err := s.closingOf(ctx, r.Settle, e.Number-OpenEpochs, e.Number)
	if errors.Is(err, ErrNotFound) {
		return nil // no epoch is so old
	}
	if err != nil {
		return err
	}
	// A settlement that is through decides nothing anew, whatever was metered since.
	members, err := collect[bt.MemberID](ctx, s.r, `SELECT x.member FROM (SELECT DISTINCT member FROM unexplained WHERE epoch = ? AND decided = 0) x
		JOIN members m ON m.id = x.member
		WHERE (m.silent_ms > 0 OR (SELECT sum(y.bytes) FROM unexplained y WHERE y.member = x.member AND y.epoch >= ?) > ?)
			AND (SELECT settled_ms FROM epochs WHERE number = ?) = 0 ORDER BY x.member`, c.number, c.windowFrom, r.Settle.SilentBytes, e.Number)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := st.commit(ctx, func(t *tx) error { return t.judgeMember(r.Settle, e, m) }); err != nil {
			return fmt.Errorf("judge the unexplained bytes of member %d: %w", m, err)
		}
	}
	st.out.Silenced, err = scan(ctx, s.r, func(r *sql.Rows) (x Silenced, err error) {
		return x, r.Scan(&x.Member, &x.Torrent, &x.Bytes, &x.Amount)
	}, `SELECT member, torrent, sum(charged_bytes), sum(charged_utok) FROM unexplained WHERE decided = ? GROUP BY member, torrent`, e.Number)
	return err
}

// judgeMember silences a member whose conduct says so, and charges what is undecided of a silent
// one, in one transaction.
func (t *tx) judgeMember(p settle.Params, e Epoch, m bt.MemberID) error {
	var silent bool
	var from int64
	// Neither an epoch older than the window counts, nor one that began before an operator's clearing.
	err := t.row(`SELECT m.silent_ms > 0, coalesce((SELECT min(number) FROM epochs
			WHERE start_ms >= max(?, coalesce((SELECT max(cleared_ms) FROM silences WHERE member = m.id), 0))), ?)
		FROM members m WHERE m.id = ?`, e.EndMs-p.SilentWindow.Milliseconds(), e.Number, m).Scan(&silent, &from)
	if err != nil {
		return notFound(err)
	}
	c, err := t.conduct(m, from)
	if err != nil {
		return err
	}
	v, err := settle.Judge(p, c)
	if err != nil || !silent && !v.Silent {
		return err
	}
	if !silent {
		if err := t.silence(p, m, v); err != nil {
			return err
		}
	}
	for _, torrent := range c.Torrents {
		if err := t.chargeUnexplained(p, e.Number, from, m, torrent.Torrent, v.Counted[torrent.Torrent]); err != nil {
			return err
		}
	}
	return nil
}

// conduct reads what is known of a member's downloads from an epoch on.
func (t *tx) conduct(m bt.MemberID, from int64) (settle.Conduct, error) {
	var c settle.Conduct
	inviters := map[bt.MemberID]bt.MemberID{}
	c.Inviter = func(m bt.MemberID) bt.MemberID { return inviters[m] }
	var err error
	c.Torrents, err = scan(t.ctx, t.Tx, func(r *sql.Rows) (x settle.TorrentConduct, err error) {
		var size, metered bt.Bytes
		err = r.Scan(&x.Torrent, &size, &metered)
		x.Open = settle.Open(size, metered, 0, 0)
		return x, err
	}, `SELECT d.torrent, t.size_bytes, d.metered_bytes - d.pass_metered_bytes + d.corroborated_bytes
		FROM (SELECT DISTINCT torrent FROM unexplained WHERE member = ? AND epoch >= ?) x
			JOIN downloads d ON d.member = ? AND d.torrent = x.torrent JOIN torrents t ON t.id = x.torrent ORDER BY d.torrent`, m, from, m)
	if err != nil {
		return c, err
	}
	at := make(map[bt.TorrentID]*settle.TorrentConduct, len(c.Torrents))
	for i := range c.Torrents {
		at[c.Torrents[i].Torrent] = &c.Torrents[i]
	}
	return c, errors.Join(t.addReported(m, from, &c, at), t.addBlames(m, from, inviters, at))
}

// addReported adds what the member reported, and what of it nobody claimed. The tables are walked
// by their keys: there is no index of usage by member, which every flush would have to keep.
func (t *tx) addReported(m bt.MemberID, from int64, c *settle.Conduct, at map[bt.TorrentID]*settle.TorrentConduct) error {
	type row struct {
		torrent        bt.TorrentID
		reported, late bt.Bytes
	}
	rows, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.torrent, &x.reported, &x.late) },
		`SELECT u.torrent, `+sumOf("u.billed_bytes + u.free_bytes")+`, `+sumOf(spareOf)+`
		FROM downloads d CROSS JOIN epochs e CROSS JOIN usage u ON u.epoch = e.number AND u.torrent = d.torrent AND u.member = d.member
			LEFT JOIN suspense s ON s.epoch = u.epoch AND s.torrent = u.torrent AND s.member = u.member
		WHERE d.member = ? AND e.number >= ? GROUP BY u.torrent`, m, from)
	for _, x := range rows {
		c.Metered = min(c.Metered+x.reported, 1<<60)
		if t := at[x.torrent]; t != nil {
			t.Late = x.late
		}
	}
	return err
}

// addBlames adds who claims what of the unexplained bytes.
func (t *tx) addBlames(m bt.MemberID, from int64, inviters map[bt.MemberID]bt.MemberID, at map[bt.TorrentID]*settle.TorrentConduct) error {
	type row struct {
		torrent bt.TorrentID
		inviter bt.MemberID
		settle.Blame
	}
	rows, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (x row, err error) {
		var network string
		err = r.Scan(&x.torrent, &x.Claimant, &x.Bytes, &x.Firm, &x.Stake, &network, &x.inviter)
		x.Member, x.Network = m, parsePrefix(network)
		return x, err
	}, `SELECT b.torrent, b.claimant, b.bytes, b.firm_bytes, b.stake_bytes, b.network, coalesce(i.id, 0)
		FROM unexplained x CROSS JOIN blames b ON b.epoch = x.epoch AND b.torrent = x.torrent AND b.member = x.member
			LEFT JOIN members m ON m.id = b.claimant LEFT JOIN members i ON i.id = m.invited_by AND i.operator = 0
		WHERE x.member = ? AND x.epoch >= ? ORDER BY b.torrent, b.epoch, b.claimant`, m, from)
	for _, x := range rows {
		inviters[x.Claimant] = x.inviter
		if t := at[x.torrent]; t != nil {
			t.Blames = append(t.Blames, x.Blame)
		}
	}
	return err
}

// silence records that a member is silent; the tracker is told after the commit.
func (t *tx) silence(p settle.Params, m bt.MemberID, v settle.Verdict) error {
	tenths := int64(v.Unexplained) / (int64(bt.GiB) / 10)
	why := fmt.Sprintf("in %d days your clients took %d.%d GiB that they did not report, %d %% of all they took, in %d torrents and from %d independent sources",
		int64(p.SilentWindow.Hours())/24, tenths/10, tenths%10, tokens.MulDiv(int64(v.Unexplained), 100, int64(v.Took)), v.Torrents, v.Clusters)
	t.batch.touch(m, 0)
	return errors.Join(t.change("UPDATE members SET silent_ms = ?, silent_why = ? WHERE id = ?", t.nowMs(), why, m),
		t.exec("INSERT INTO silences (member, at_ms, why) VALUES (?, ?, ?)", m, t.nowMs(), why))
}

// chargeUnexplained decides a silent member's rows of one torrent, the newest first: min(what is
// reserved for the download, unexplained bytes at its quote) is taken from available. Each row is
// decided once; counted bounds the bytes of all of them.
func (t *tx) chargeUnexplained(p settle.Params, now, from int64, m bt.MemberID, torrent bt.TorrentID, counted bt.Bytes) error {
	type row struct {
		epoch   int64
		bytes   bt.Bytes
		decided bool
	}
	rows, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.epoch, &x.bytes, &x.decided) },
		"SELECT epoch, bytes, decided > 0 FROM unexplained WHERE member = ? AND torrent = ? AND epoch >= ? ORDER BY epoch DESC", m, torrent, from)
	if err != nil {
		return err
	}
	var reserved, quote tokens.Amount
	err = t.row("SELECT reserved_utok, quote_utok_per_gib FROM downloads WHERE member = ? AND torrent = ?", m, torrent).Scan(&reserved, &quote)
	if err != nil {
		return notFound(err)
	}
	for _, x := range rows {
		bytes := min(x.bytes, counted)
		counted -= bytes
		if x.decided {
			continue
		}
		available, err := t.balance(tokens.Token, tokens.Available(m))
		if err != nil {
			return err
		}
		charge := settle.UnexplainedCharge(bytes, quote, reserved, available)
		reserved -= charge
		bought := bt.Bytes(0)
		if charge > 0 {
			bought = min(bytes, bt.Bytes(tokens.MulDiv(int64(charge), int64(bt.GiB), int64(quote))))
			if err := t.payUnexplained(p, x.epoch, torrent, m, charge); err != nil {
				return err
			}
		}
		if err := t.change("UPDATE unexplained SET decided = ?, charged_bytes = ?, charged_utok = ? WHERE epoch = ? AND torrent = ? AND member = ?",
			now, bought, charge, x.epoch, torrent, m); err != nil {
			return err
		}
	}
	return nil
}

// payUnexplained moves a charge from the member to those who claim the bytes, and the shares to
// where they go: the epoch is settled, its pot is closed.
func (t *tx) payUnexplained(p settle.Params, epoch int64, torrent bt.TorrentID, m bt.MemberID, charge tokens.Amount) error {
	blames, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (b settle.Blame, err error) { return b, r.Scan(&b.Claimant, &b.Bytes) },
		"SELECT claimant, bytes FROM blames WHERE epoch = ? AND torrent = ? AND member = ? AND bytes > 0 ORDER BY claimant", epoch, torrent, m)
	if err != nil {
		return err
	}
	split, err := settle.SplitUnexplained(p, charge, blames)
	if err != nil {
		return err
	}
	pay := func(what string, to tokens.Account, a tokens.Amount) error {
		if a == 0 {
			return nil
		}
		return t.post(tokens.Transfer{ID: fmt.Sprintf("unexplained/%d/%d/%d/%s", epoch, torrent, m, what), Asset: tokens.Token,
			From: tokens.Available(m), To: to, Amount: a, Code: tokens.CodeUnexplained, Ref: fmt.Sprintf("torrent/%d epoch/%d", torrent, epoch)})
	}
	for _, a := range split.Awards {
		if err := pay(fmt.Sprintf("upload/%d", a.Member), tokens.Available(a.Member), a.Pay); err != nil {
			return err
		}
	}
	return errors.Join(pay("lockers", tokens.PoolLockers, split.Lockers), pay("treasury", tokens.Treasury, split.Treasury))
}

// Silence is one time that a member was found silent.
type Silence struct {
	Member    bt.MemberID
	Name      string
	AtMs      int64
	Why       string
	ClearedMs int64       // 0: it stands
	ClearedBy bt.MemberID // an operator
}

// Silences returns the last n times that members were found silent, newest first.
func (s *Store) Silences(ctx context.Context, n int) ([]Silence, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (x Silence, err error) {
		return x, r.Scan(&x.Member, &x.Name, &x.AtMs, &x.Why, &x.ClearedMs, &x.ClearedBy)
	}, `SELECT s.member, m.name, s.at_ms, s.why, s.cleared_ms, coalesce(s.cleared_by, 0)
		FROM silences s JOIN members m ON m.id = s.member ORDER BY s.id DESC LIMIT ?`, n)
}

// ClearSilent lets a silent member have peers again, and starts its window anew: epochs that began
// before count no more. ErrNotOperator unless operator is one, or 0 for an administrative command;
// ErrNotFound if the member is not silent.
func (s *Store) ClearSilent(ctx context.Context, member, operator bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		var may bool
		if err := t.row("SELECT coalesce(max(operator), 0) FROM members WHERE id = ?", operator).Scan(&may); err != nil {
			return err
		}
		if !may && operator != 0 {
			return ErrNotOperator
		}
		if err := t.clearSilent(member, operator); err != nil {
			return err
		}
		return t.logOperator(operator, "member clear", fmt.Sprint(member))
	})
}

func (t *tx) clearSilent(member, operator bt.MemberID) error {
	if err := t.change("UPDATE members SET silent_ms = 0, silent_why = '' WHERE id = ? AND silent_ms > 0", member); err != nil {
		return fmt.Errorf("clear member %d: %w", member, err)
	}
	t.batch.touch(member, 0)
	return t.change("UPDATE silences SET cleared_ms = ?, cleared_by = ? WHERE member = ? AND cleared_ms = 0", t.nowMs(), memberOrNil(operator), member)
}
