package store

import (
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Kinds of notifications. What ref and amount mean is said at each.
const (
	NotifyLowBalance = "low-balance"       // ref torrent/ID: the funds do not cover what this download costs so far
	NotifySlash      = "slash"             // ref audit/ID; what was taken
	NotifySlashBack  = "slash-back"        // ref audit/ID; what was given back
	NotifyAudit      = "audit-failed"      // ref audit/ID
	NotifySuspended  = "suspended"         // ref node/ID
	NotifyPayout     = "payout"            // ref epoch/NUMBER, the last of the day; what the day brought
	NotifyApproved   = "torrent-approved"  // ref torrent/ID
	NotifyWithdrawn  = "torrent-withdrawn" // ref torrent/ID
	NotifyRefused    = "torrent-refused"   // ref torrent/ID/decision/ID
	NotifyChanges    = "torrent-changes"   // likewise: an operator asks for changes
	NotifyReport     = "report-resolved"   // ref report/ID
	NotifyAccount    = "account"           // ref: what an operator did to the account, in words; security
	NotifyFilled     = "request-filled"    // ref request/ID: somebody offers a torrent for it
	NotifyAccepted   = "request-accepted"  // ref request/ID; the bounty paid to who filled it
	NotifyRejected   = "request-rejected"  // ref request/ID
	NotifyClosed     = "request-closed"    // ref request/ID; what came back of the bounty
	NotifyComment    = "comment"           // ref torrent/ID or torrent/ID/comment/ID
	NotifySent       = "withdrawal-sent"   // ref withdrawal/ID; quote micro-units
	NotifyReturned   = "withdrawal-back"   // ref withdrawal/ID; quote micro-units
	NotifySignIn     = "sign-in"           // ref: the client in words; security
	NotifyFactor     = "factor-changed"    // ref: what changed, in words; security
	NotifyKeyReset   = "key-reset"         // no ref; security
)

// NotificationKind is a kind and whether members may switch it off.
type NotificationKind struct {
	Kind   string
	Always bool // security: always told
}

// NotificationKinds returns all kinds in the order in which they are offered.
func NotificationKinds() []NotificationKind {
	return []NotificationKind{{Kind: NotifyLowBalance}, {Kind: NotifyPayout}, {Kind: NotifySent}, {Kind: NotifyReturned}, {Kind: NotifyApproved},
		{Kind: NotifyChanges}, {Kind: NotifyRefused}, {Kind: NotifyWithdrawn}, {Kind: NotifyComment}, {Kind: NotifyReport}, {Kind: NotifyFilled}, {Kind: NotifyAccepted}, {Kind: NotifyRejected}, {Kind: NotifyClosed},
		{Kind: NotifyAudit}, {Kind: NotifySlash}, {Kind: NotifySlashBack}, {Kind: NotifySuspended}, {Kind: NotifyAppealGranted}, {Kind: NotifyAppealRefused},
		{NotifyAccount, true}, {NotifySignIn, true}, {NotifyFactor, true}, {NotifyKeyReset, true}}
}

// Limits of what is kept.
const (
	MaxNotifications = 500 // of a member; the oldest give way
	maxNotifyText    = 200 // bytes of a ref, and of what makes it happen once
)

// notify tells a member of something, once for each value of once, unless the member switched that
// kind off. It is called inside the transaction in which the thing happened, and never makes that fail
// for a reason of its own: what cannot be told is logged. Only an error of the storage, which may have
// undone the transaction, is returned.
func (t *tx) notify(m bt.MemberID, kind string, ref string, amount tokens.Amount, once string) error {
	return t.tell(m, kind, cut(ref), amount, cut(once))
}

const insertNotification = `INSERT INTO notifications (member, kind, ref, amount, once, at_ms)
	SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM notifications_off WHERE member = ?1 AND kind = ?2)
	ON CONFLICT (member, once) DO `

const trimNotifications = `DELETE FROM notifications WHERE id IN
	(SELECT id FROM notifications WHERE member = ? ORDER BY at_ms DESC, id DESC LIMIT -1 OFFSET ?)`

func (t *tx) tell(m bt.MemberID, kind, ref string, amount tokens.Amount, once string) error {
	if once == "" {
		t.store.opt.Log.Error("a notification that says not what makes it happen once", "kind", kind, "ref", ref)
		return nil
	}
	r, err := t.ExecContext(t.ctx, insertNotification+"NOTHING", m, kind, ref, amount, once, t.nowMs())
	if err == nil {
		var n int64
		if n, err = r.RowsAffected(); n > 0 {
			err = t.exec(trimNotifications, m, MaxNotifications)
		}
	}
	if err != nil {
		err = fmt.Errorf("tell member %d %s of %q: %w", m, kind, ref, err)
	}
	return t.untellable(err)
}

// untellable logs what hindered telling a member, and returns only what may have undone the transaction.
func (t *tx) untellable(err error) error {
	if err == nil || retryable(err) {
		return err
	}
	t.store.opt.Log.Error("a member could not be told", "error", err)
	return nil
}

// cut shortens a text to what is kept, at the end of a character.
func cut(s string) string {
	if len(s) <= maxNotifyText {
		return s
	}
	return strings.ToValidUTF8(s[:maxNotifyText], "")
}
