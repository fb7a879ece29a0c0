package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	factRanked = "ranked_epoch" // epochs until then are in the sums that lists are ranked by

	rankedAtOnce  = 100  // epochs that one call of KeepRankings counts
	expiredAtOnce = 1000 // rows of old days that one transaction takes back

	weekDays, monthDays = 7, 30

	mostBytes = 1 << 60 // what a sum of bytes is counted up to, as in sumOf
)

// KeepRankings adds what was settled since the last call to the figures of epochs and to the sums that
// lists are ranked by, and takes back what is too long ago. Whoever settles an epoch calls it afterwards.
// Each epoch counts once, however often that is broken off; what is read is bounded by the epoch.
func (s *Store) KeepRankings(ctx context.Context) error {
	last, err := s.LastSettled(ctx, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	if err := s.keepFigures(ctx, last[0].Number); err != nil {
		return fmt.Errorf("keep figures of epochs: %w", err)
	}
	closed := last[0].Number - OpenEpochs // nothing is paid for its uploads any more
	for range rankedAtOnce {
		next, err := s.nextRanked(ctx)
		if err != nil || next > closed {
			return err
		}
		if err := s.rankEpoch(ctx, next); err != nil {
			return fmt.Errorf("rank by epoch %d: %w", next, err)
		}
	}
	return nil
}

// nextRanked is the first epoch that is not counted yet. The first of all is one whose day still matters.
func (s *Store) nextRanked(ctx context.Context) (int64, error) {
	done, err := collect[string](ctx, s.r, "SELECT value FROM facts WHERE name = ?", factRanked)
	if err != nil {
		return 0, err
	}
	if len(done) > 0 {
		n, err := strconv.ParseInt(done[0], 10, 64)
		return n + 1, err
	}
	month, err := s.LastSettled(ctx, monthDays*dayMs*1_000_000)
	if err != nil || len(month) == 0 {
		return 0, err
	}
	return month[len(month)-1].Number, nil
}

// torrentSum is what was downloaded of a torrent in an epoch.
type torrentSum struct {
	torrent bt.TorrentID
	bytes   bt.Bytes
}

// memberSum is what a member did in an epoch, in the order of the columns of member_days.
type memberSum struct {
	member                               bt.MemberID
	uploadBytes, upload, hostBytes, host int64
}

// rankEpoch counts an epoch. What it came to is read first, so that the writer only writes.
func (s *Store) rankEpoch(ctx context.Context, epoch int64) error {
	var day int64
	var torrents []torrentSum
	var members []memberSum
	err := s.read(ctx, func(r *reader) (err error) {
		if err = r.QueryRowContext(ctx, "SELECT end_ms / ? FROM epochs WHERE number = ?", dayMs, epoch).Scan(&day); err != nil {
			return notFound(err)
		}
		torrents, err = scan(ctx, r.Tx, func(q *sql.Rows) (x torrentSum, err error) { return x, q.Scan(&x.torrent, &x.bytes) },
			"SELECT torrent, "+sumOf("billed_bytes + free_bytes")+" FROM usage WHERE epoch = ? GROUP BY torrent", epoch)
		if err != nil {
			return err
		}
		members, err = r.memberSums(epoch)
		return err
	})
	if err != nil {
		return err
	}
	err = s.write(ctx, func(t *tx) error {
		if err := t.rankTorrents(day, torrents); err != nil {
			return err
		}
		if err := t.rankMembers(day, members); err != nil {
			return err
		}
		return t.setFact(factRanked, strconv.FormatInt(epoch, 10))
	})
	if err != nil {
		return err
	}
	if err := s.expire(ctx, "torrent_days", "torrent_weeks", "torrent", day-weekDays, "bytes"); err != nil {
		return err
	}
	return s.expire(ctx, "member_days", "member_months", "member", day-monthDays, workColumns...)
}

// workColumns are the sums of table member_days.
var workColumns = []string{"upload_bytes", "upload_utok", "host_bytes", "host_utok"}

// memberSums are what an epoch's uploads and hosting came to, by member.
func (r *reader) memberSums(epoch int64) ([]memberSum, error) {
	return scan(r.ctx, r.Tx, func(q *sql.Rows) (x memberSum, err error) {
		return x, q.Scan(&x.member, &x.uploadBytes, &x.upload, &x.hostBytes, &x.host)
	}, `SELECT member, CAST(min(total(ub), ?2) AS INTEGER), sum(u), CAST(min(total(hb), ?2) AS INTEGER), sum(h) FROM (
		SELECT member, bytes AS ub, pay_utok AS u, 0 AS hb, 0 AS h FROM awards WHERE epoch = ?1
		UNION ALL SELECT member, 0, 0, 0, gross_utok FROM hosting WHERE epoch = ?1
		UNION ALL SELECT c.member, 0, 0, 1.0 * c.bytes * p.proven_ms / ?3, 0 FROM proven p CROSS JOIN claims c ON c.id = p.claim WHERE p.epoch = ?1
	) GROUP BY member`, epoch, mostBytes, dayMs)
}

func (t *tx) rankTorrents(day int64, list []torrentSum) error {
	var days, weeks []any
	for _, x := range list {
		if x.bytes > 0 {
			days, weeks = append(days, day, x.torrent, x.bytes), append(weeks, x.torrent, x.bytes)
		}
	}
	if err := t.insertRows("INSERT INTO torrent_days (day, torrent, bytes) VALUES ", 3, plus("day, torrent", "bytes"), days); err != nil {
		return err
	}
	return t.insertRows("INSERT INTO torrent_weeks (torrent, bytes) VALUES ", 2, plus("torrent", "bytes"), weeks)
}

func (t *tx) rankMembers(day int64, list []memberSum) error {
	var days, months []any
	for _, x := range list {
		sums := []any{x.uploadBytes, x.upload, x.hostBytes, x.host}
		days = append(append(days, day, x.member), sums...)
		months = append(append(months, x.member), sums...)
	}
	columns := strings.Join(workColumns, ", ")
	if err := t.insertRows("INSERT INTO member_days (day, member, "+columns+") VALUES ", 6, plus("day, member", workColumns...), days); err != nil {
		return err
	}
	return t.insertRows("INSERT INTO member_months (member, "+columns+") VALUES ", 5, plus("member", workColumns...), months)
}

// plus has an INSERT add to a row that is there.
func plus(key string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = fmt.Sprintf("%s = min(%s + excluded.%s, %d)", c, c, c, int64(mostBytes))
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// expire takes days up to last back from the sums, a few rows at a time: the sums are those of the days
// that are left at any moment.
func (s *Store) expire(ctx context.Context, days, sums, key string, last int64, columns ...string) error {
	old := "SELECT * FROM " + days + " WHERE day <= ?1 ORDER BY day, " + key + " LIMIT ?2"
	var sets, parts []string
	for _, c := range columns {
		sets, parts = append(sets, c+" = max(0, x."+c+" - d."+c+")"), append(parts, sumOf(c)+" AS "+c)
	}
	take := "UPDATE " + sums + " AS x SET " + strings.Join(sets, ", ") + " FROM (SELECT " + key + ", " + strings.Join(parts, ", ") +
		" FROM (" + old + ") GROUP BY " + key + ") d WHERE x." + key + " = d." + key
	drop := "DELETE FROM " + days + " WHERE (day, " + key + ") IN (SELECT day, " + key + " FROM (" + old + "))"
	for {
		var left bool
		err := s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+days+" WHERE day <= ?)", last).Scan(&left)
		if err != nil || !left {
			return err
		}
		err = s.write(ctx, func(t *tx) error {
			if err := t.execMany(take, last, expiredAtOnce); err != nil {
				return err
			}
			return t.execMany(drop, last, expiredAtOnce)
		})
		if err != nil {
			return err
		}
	}
}

// figuresBack is of how many epochs figures are made that nobody kept at their time.
const figuresBack = 100

// keepFigures keeps the figures of settled epochs up to newest, and once more of those that its settlement
// paid something for.
func (s *Store) keepFigures(ctx context.Context, newest int64) error {
	var kept int64
	if err := s.r.QueryRowContext(ctx, "SELECT coalesce(max(epoch), 0) FROM epoch_figures").Scan(&kept); err != nil || kept == newest {
		return err
	}
	var list []EpochFigures
	err := s.read(ctx, func(r *reader) error {
		for n := max(1, newest-figuresBack+1, kept+1-OpenEpochs); n <= newest; n++ {
			f, err := r.figures(n)
			if err != nil {
				return fmt.Errorf("epoch %d: %w", n, err)
			}
			list = append(list, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		for _, f := range list {
			median := sql.Null[tokens.Amount]{}
			if f.Number == newest {
				median.Valid = true
				if err := t.row(selectMedian).Scan(&median.V); err != nil {
					return err
				}
			}
			err := t.exec(`INSERT INTO epoch_figures (epoch, billed_bytes, charged_utok, upload_utok, lockers_utok, treasury_utok, hosting_utok,
					minted_utok, burned_utok, supply_utok, median_utok_per_gib) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (epoch) DO UPDATE SET upload_utok = excluded.upload_utok`, f.Number, f.Billed, f.Charged, f.Upload, f.Lockers, f.Treasury, f.Hosting,
				f.Minted, f.Burned, f.Supply, median)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// figures computes what a settled epoch came to.
func (r *reader) figures(epoch int64) (f EpochFigures, err error) {
	err = r.QueryRowContext(r.ctx, "SELECT number, start_ms, end_ms, settled_ms, "+epochSums+` ,
		(SELECT coalesce(sum(lockers_utok), 0) FROM settlements x WHERE x.epoch = e.number), (SELECT coalesce(sum(treasury_utok), 0) FROM settlements x WHERE x.epoch = e.number)
		FROM epochs e WHERE e.number = ?`, epoch).Scan(&f.Number, &f.StartMs, &f.EndMs, &f.SettledMs, &f.Billed, &f.Charged, &f.Upload, &f.Hosting, &f.Lockers, &f.Treasury)
	if err != nil {
		return f, notFound(err)
	}
	seq, err := r.firstSince(f.StartMs)
	if err != nil {
		return f, err
	}
	if err := r.QueryRowContext(r.ctx, selectSupply).Scan(&f.Supply); err != nil {
		return f, err
	}
	for _, x := range []struct {
		from, to tokens.Account
		into     *tokens.Amount
		after    int // what happened after the epoch: its part in the supply of now
	}{{from: tokens.Issuance, into: &f.Minted, after: -1}, {to: tokens.Burned, into: &f.Burned, after: 1}} {
		within, after, err := r.moved(x.from, x.to, seq, f.StartMs, f.EndMs)
		if err != nil {
			return f, err
		}
		*x.into = within
		f.Supply += tokens.Amount(x.after) * after
	}
	return f, nil
}

// moved is what went out of one account or into another from a row of the ledger on: within a span of
// time, and after it.
func (r *reader) moved(from, to tokens.Account, seq, startMs, endMs int64) (within, after tokens.Amount, err error) {
	side, account := "source", from
	if to != "" {
		side, account = "dest", to
	}
	err = r.QueryRowContext(r.ctx, `SELECT coalesce(sum(iif(t.at_ms < ?1, t.amount, 0)), 0), coalesce(sum(iif(t.at_ms >= ?1, t.amount, 0)), 0) FROM transfers t
		WHERE t.`+side+" = (SELECT id FROM accounts WHERE asset = 'token' AND name = ?2) AND t.seq >= ?3 AND t.at_ms >= ?4", endMs, account, seq, startMs).Scan(&within, &after)
	return within, after, err
}
