package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FindFlags goes on with a walk through all members that notes what looks wrong about them: a bounded number of
// them at a time, by what the other tables hold. A walk begins an hour after the last one began at the earliest.
func (s *Store) FindFlags(ctx context.Context, p settle.Params) error {
	var x round
	var due bool
	var last bt.MemberID
	err := s.read(ctx, func(r *reader) (err error) {
		if x, due, err = r.round("flags", s.opt.Now(), flagPause); err != nil || !due {
			return err
		}
		return r.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM (SELECT id FROM members WHERE id > ? ORDER BY id LIMIT ?)", x.from, flagMembers).Scan(&last)
	})
	if err == nil && due && last > 0 {
		err = s.lookAt(ctx, p, bt.MemberID(x.from), last)
	}
	if err == nil && due {
		err = s.write(ctx, func(t *tx) error { return t.walked(x, int64(last)) })
	}
	if err != nil {
		return fmt.Errorf("look for flags: %w", err)
	}
	return nil
}

// LookAt finds the flags of one member now. ErrNotFound.
func (s *Store) LookAt(ctx context.Context, p settle.Params, m bt.MemberID) error {
	if _, err := s.memberName(ctx, m); err != nil {
		return fmt.Errorf("look at member %d: %w", m, err)
	}
	if err := s.lookAt(ctx, p, m-1, m); err != nil {
		return fmt.Errorf("look at member %d: %w", m, err)
	}
	return nil
}

func (s *Store) memberName(ctx context.Context, m bt.MemberID) (name string, err error) {
	return name, notFound(s.r.QueryRowContext(ctx, "SELECT name FROM members WHERE id = ?", m).Scan(&name))
}

// lookAt brings the networks and the flags of the members after first, up to last, up to date.
func (s *Store) lookAt(ctx context.Context, p settle.Params, first, last bt.MemberID) error {
	if err := s.noteNetworks(ctx, first, last); err != nil {
		return err
	}
	known, found := map[flagKey]Flag{}, map[flagKey]Flag{}
	err := s.read(ctx, func(r *reader) (err error) {
		if known, err = r.flagsOf(first, last); err != nil {
			return err
		}
		found, err = r.findFlags(p, s.opt.Now().UnixMilli(), first, last)
		return err
	})
	if err != nil {
		return err
	}
	changed, ended := flagChanges(known, found)
	if len(changed)+len(ended) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error { return t.saveFlags(changed, ended) })
}

type flagKey struct {
	kind   string
	member bt.MemberID
}

// flagsOf reads what stands already.
func (r *reader) flagsOf(first, last bt.MemberID) (map[flagKey]Flag, error) {
	out := map[flagKey]Flag{}
	_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (none struct{}, err error) {
		var f Flag
		err = rows.Scan(&f.Kind, &f.Member, &f.Weight, &f.Whole)
		out[flagKey{f.Kind, f.Member}] = f
		return none, err
	}, "SELECT kind, member, weight, whole FROM flags WHERE member > ? AND member <= ? AND ended_ms = 0", first, last)
	return out, err
}

// flagQueries find each kind of flag of the members after :first, up to :last: member, weight, whole.
var flagQueries = map[string]string{
	FlagExcess: `SELECT member, ` + sumOf("excess_bytes") + ` AS excess, ` + sumOf("claimed_bytes") + ` AS claimed FROM honesty
		WHERE member > :first AND member <= :last AND day_ms >= :honesty GROUP BY member HAVING excess >= :excess AND excess >= claimed / :part`,
	FlagSilent: `SELECT m.id, max(1, ` + sumOf("x.bytes") + `) AS taken, m.silent_ms > 0 FROM members m LEFT JOIN unexplained x ON x.member = m.id AND x.epoch >= :epoch
		WHERE m.id > :first AND m.id <= :last GROUP BY m.id HAVING m.silent_ms > 0 OR taken >= :silent`,
	FlagNetwork: `SELECT a.member, count(DISTINCT b.member), count(DISTINCT a.network) FROM member_networks a JOIN member_networks b ON b.network = a.network AND b.member <> a.member
		WHERE a.member > :first AND a.member <= :last AND a.last_ms >= :lately AND b.last_ms >= :lately GROUP BY a.member`,
	FlagLeftFell: `SELECT member, ` + sumOf("beyond") + ` AS fell, count(*) FROM (SELECT d.member, ` + beyondOf + ` - ` + toleranceOf + ` AS beyond
			FROM downloads d CROSS JOIN torrents t ON t.id = d.torrent WHERE d.member > :first AND d.member <= :last AND ` + fallen + `)
		WHERE beyond > 0 GROUP BY member HAVING fell >= :fall`,
	FlagCounters:  `SELECT member, sum(flags) AS seen, count(*) FROM peer_sessions WHERE member > :first AND member <= :last AND flags > 0 GROUP BY member HAVING seen >= :counters`,
	FlagProbation: `SELECT member, sum(amount_utok), count(*) FROM probation WHERE closed = 0 AND member > :first AND member <= :last GROUP BY member`,
	FlagIdle:      `SELECT member, max(1, max(failures)), count(*) FROM serving WHERE member > :first AND member <= :last AND (failures >= :idle OR withheld_from > 0) GROUP BY member`,
	FlagLess: `SELECT member, ` + sumOf("said - admitted") + ` AS missing, ` + sumOf("said") + ` FROM (SELECT s.member, s.said, coalesce(d.metered_bytes + d.corroborated_bytes, 0) AS admitted
			FROM (SELECT x.member, x.torrent, ` + sumOf("x.sent_bytes") + ` AS said FROM exchanges x JOIN nodes n ON n.id = x.node
				WHERE x.member > 0 AND x.member > :first AND x.member <= :last AND n.member <> x.member GROUP BY x.member, x.torrent) s
			LEFT JOIN downloads d ON d.member = s.member AND d.torrent = s.torrent WHERE admitted < s.said - s.said / 1000000.0 * :less)
		GROUP BY member HAVING missing >= :said`,
	FlagForged: `SELECT owner, ` + sumOf("said - admitted") + ` AS missing, ` + sumOf("said") + ` FROM (SELECT s.owner, s.member, s.said, coalesce(d.metered_bytes + d.corroborated_bytes, 0) AS admitted
			FROM (SELECT n.member AS owner, x.member, x.torrent, ` + sumOf("x.sent_bytes") + ` AS said FROM nodes n CROSS JOIN exchanges x ON x.node = n.id AND x.day_ms >= :days
				WHERE n.member > :first AND n.member <= :last AND x.member > 0 AND x.member <> n.member GROUP BY n.member, x.member, x.torrent) s
			LEFT JOIN downloads d ON d.member = s.member AND d.torrent = s.torrent WHERE admitted < s.said - s.said / 1000000.0 * :less)
		GROUP BY owner HAVING missing >= :said AND count(DISTINCT member) >= :peers`,
}

const (
	// beyondOf is by how much left fell beyond what was admitted of a download d.
	beyondOf = "(d.max_left_bytes - d.min_left_bytes - (d.metered_bytes - d.pass_metered_bytes) - d.corroborated_bytes)"
	// toleranceOf is what of that is nothing, in a torrent t.
	toleranceOf = "(t.size_bytes / 1000000 * :tolerance + t.size_bytes % 1000000 * :tolerance / 1000000 + t.piece_bytes)"
)

// findFlags finds what stands now.
func (r *reader) findFlags(p settle.Params, nowMs int64, first, last bt.MemberID) (map[flagKey]Flag, error) {
	var epoch int64
	if err := r.QueryRowContext(r.ctx, firstEpochSince, nowMs-p.SilentWindow.Milliseconds()).Scan(&epoch); err != nil {
		return nil, err
	}
	args := []any{sql.Named("first", first), sql.Named("last", last), sql.Named("epoch", epoch),
		sql.Named("honesty", dayOf(p, nowMs)-p.HonestyWindow.Milliseconds()), sql.Named("excess", flagExcessBytes), sql.Named("part", flagExcessPart),
		sql.Named("silent", max(1, p.SilentBytes/flagSilentPart)), sql.Named("lately", nowMs-networkKept), sql.Named("fall", flagFallBytes),
		sql.Named("tolerance", flagFallPPM), sql.Named("counters", flagCounters), sql.Named("idle", flagIdleEpochs),
		sql.Named("less", silentPPM), sql.Named("said", flagSaidBytes), sql.Named("days", nowMs-flagSaidDays*dayMs), sql.Named("peers", flagForgedPeers)}
	out := map[flagKey]Flag{}
	for _, kind := range FlagKinds() {
		_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (none struct{}, err error) {
			f := Flag{Kind: kind}
			err = rows.Scan(&f.Member, &f.Weight, &f.Whole)
			out[flagKey{kind, f.Member}] = f
			return none, err
		}, flagQueries[kind], args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return out, nil
}

// firstEpochSince is the first epoch that began at a time or later; one more than the last, if none did.
const firstEpochSince = `SELECT coalesce((SELECT number FROM epochs WHERE start_ms >= ? ORDER BY start_ms LIMIT 1),
	(SELECT number + 1 FROM epochs ORDER BY number DESC LIMIT 1), 0)`

// flagChanges are the flags to be written, and those that are over.
func flagChanges(known, found map[flagKey]Flag) (changed []Flag, ended []flagKey) {
	for key, f := range found {
		if k, ok := known[key]; !ok || k.Weight != f.Weight || k.Whole != f.Whole {
			changed = append(changed, f)
		}
	}
	for key := range known {
		if _, ok := found[key]; !ok {
			ended = append(ended, key)
		}
	}
	return changed, ended
}

func (t *tx) saveFlags(changed []Flag, ended []flagKey) error {
	for _, f := range changed {
		err := t.execMany(`INSERT INTO flags (kind, member, weight, whole, at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			weight = excluded.weight, whole = excluded.whole, at_ms = iif(ended_ms > 0, excluded.at_ms, at_ms), ended_ms = 0,
			open = iif(ended_ms > 0 OR noted_weight = 0 OR excluded.weight >= `+strconv.Itoa(noteAgain)+` * noted_weight, 1, 0),
			noted_weight = iif(ended_ms > 0, 0, noted_weight)`, f.Kind, f.Member, f.Weight, f.Whole, t.nowMs())
		if err != nil {
			return fmt.Errorf("note %s of member %d: %w", f.Kind, f.Member, err)
		}
	}
	for _, k := range ended {
		if err := t.execMany("UPDATE flags SET ended_ms = ?, open = 0 WHERE kind = ? AND member = ?", t.nowMs(), k.kind, k.member); err != nil {
			return fmt.Errorf("end %s of member %d: %w", k.kind, k.member, err)
		}
	}
	return nil
}
