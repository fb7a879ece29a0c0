package store

import (
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// What follows says of events of the store who is told of them, and how often at most.

// notifyUploader tells the uploader of a torrent what became of it; each kind once.
func (t *tx) notifyUploader(id bt.TorrentID, kind string) error {
	var uploader bt.MemberID
	if err := t.row("SELECT uploader FROM torrents WHERE id = ?", id).Scan(&uploader); err != nil {
		return notFound(err)
	}
	ref := fmt.Sprintf("torrent/%d", id)
	return t.notify(uploader, kind, ref, 0, kind+"/"+ref)
}

// tellSlash tells what a slash took or gave back.
func (t *tx) tellSlash(m bt.MemberID, kind string, slash, audit int64, a tokens.Amount) error {
	if a <= 0 {
		return nil
	}
	return t.notify(m, kind, fmt.Sprintf("audit/%d", audit), a, fmt.Sprintf("%s/%d", kind, slash))
}

// tellAudit tells of an audit that saw wrong or missing data, or a refusal: of the first in a day on
// each node, for a disk that dies fails thousands.
func (t *tx) tellAudit(c availability.Claim, audit int64, v availability.Verdict) error {
	switch v {
	case availability.Corrupt, availability.Missing, availability.Refused:
		return t.notify(c.Member, NotifyAudit, fmt.Sprintf("audit/%d", audit), 0, fmt.Sprintf("audit/%d/%d", c.Node, t.nowMs()/dayMs))
	}
	return nil
}

// tellSuspended tells, if it is so, that an audit had a node suspended.
func (t *tx) tellSuspended(c availability.Claim, audit int64, suspended bool) error {
	if !suspended {
		return nil
	}
	return t.notify(c.Member, NotifySuspended, fmt.Sprintf("node/%d", c.Node), 0, fmt.Sprintf("suspended/%d/%d", c.Node, audit))
}

// tellWithdrawal tells that a withdrawal was sent, or came back without the member asking for it.
func (t *tx) tellWithdrawal(w rail.Withdrawal, to rail.State) error {
	kind := map[rail.State]string{rail.Sent: NotifySent, rail.Returned: NotifyReturned}[to]
	if kind == "" || w.State != to {
		return nil
	}
	ref := fmt.Sprintf("withdrawal/%d", w.ID)
	return t.notify(w.Member, kind, ref, w.Amount, kind+"/"+ref)
}

// tellLow tells once a day that a member's funds did not cover a download.
func (t *tx) tellLow(m bt.MemberID, torrent bt.TorrentID, missing tokens.Amount) error {
	return t.notify(m, NotifyLowBalance, fmt.Sprintf("torrent/%d", torrent), missing, lowOnce(t.nowMs()))
}

func lowOnce(nowMs int64) string { return fmt.Sprintf("%s/%d", NotifyLowBalance, nowMs/dayMs) }

// maxLooks bounds for how many members a flush looks whether their funds suffice.
const maxLooks = 32

// tellUnfunded tells members whose downloads wait because their funds do not cover the rest. Those that
// wait for another reason, such as the price, are not told here. rows are in order of members; of each
// member one download is looked at, and of maxLooks members: others have their turn when their clients
// announce again.
func (t *tx) tellUnfunded(rows []swarm.SessionRow) error {
	var looked bt.MemberID
	looks := 0
	for _, r := range rows {
		if looks == maxLooks {
			break
		}
		if r.Funded || r.Refused || r.Paused || r.Stopped || r.Forgotten || r.Left <= 0 || r.SeedingMs > 0 || r.Member == looked {
			continue
		}
		looked = r.Member
		looks++
		missing, err := t.missing(r.Member, r.Torrent, r.Left)
		if err = t.untellable(err); err != nil {
			return err
		}
		if missing > 0 {
			if err := t.tellLow(r.Member, r.Torrent, missing); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing is what a member's free funds lack for the rest of a download at its price now; 0 also if the
// member was told today.
func (t *tx) missing(m bt.MemberID, torrent bt.TorrentID, left bt.Bytes) (tokens.Amount, error) {
	var told bool
	err := t.row("SELECT EXISTS (SELECT 1 FROM notifications WHERE member = ? AND once = ?)", m, lowOnce(t.nowMs())).Scan(&told)
	if err != nil || told {
		return 0, err
	}
	var price, others tokens.Amount
	var budget bt.Bytes
	err = t.row(`SELECT t.price_utok_per_gib, coalesce(b.bytes, 0), coalesce((SELECT sum(reserved_utok) FROM downloads WHERE member = ?1 AND torrent <> t.id), 0)
		FROM torrents t LEFT JOIN budgets b ON b.member = ?1 AND b.torrent = t.id WHERE t.id = ?2`, m, torrent).Scan(&price, &budget, &others)
	if err != nil {
		return 0, err
	}
	have, err := t.balance(tokens.Token, tokens.Available(m))
	if err != nil {
		return 0, err
	}
	allowance, err := t.balance(tokens.Byte, tokens.Allowance(m))
	if err != nil {
		return 0, err
	}
	rest := max(0, swarm.Reservable(left, budget)-bt.Bytes(allowance))
	return max(0, surge.Need(price, rest)-max(0, have-others)), nil
}
