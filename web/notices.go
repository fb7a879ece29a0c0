package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// notice is a notification in words. Path leads to what it is about, Act to what can be done.
type notice struct {
	store.Notification
	Group string
	Text  string
	Path  string
	Act   string // words of a second link; empty: none
	To    string // where that leads
}

// Groups of notifications, in the order of the settings.
const (
	groupMoney    = "Money"
	groupTorrents = "Torrents"
	groupRequests = "Requests"
	groupHosting  = "Hosting"
	groupSecurity = "Security"
)

func noticeGroups() []string {
	return []string{groupMoney, groupTorrents, groupRequests, groupHosting, groupSecurity}
}

// noticeWords say what a kind is: its group, what the settings call it, and its sentence, in which {of} is
// what it is about and {amount} an amount.
type noticeWords struct {
	group, setting, says string
	bad                  bool // it costs the member something
}

// wordsOf has words for every kind of package store; a test holds it to that.
func wordsOf(kind string) noticeWords { return noticeKinds()[kind] }

func noticeKinds() map[string]noticeWords {
	return map[string]noticeWords{
		store.NotifyLowBalance: {groupMoney, "My funds do not cover a running download (at most once a day)", "Your funds did not cover the download of {of}: {amount} were missing. It waits until you have more.", true},
		store.NotifyPayout:     {groupMoney, "Earnings were paid to me (once a day, summed)", "{amount} were paid to you for uploading and hosting on {of}.", false},
		store.NotifySent:       {groupMoney, "A withdrawal was sent", "Your withdrawal of {amount} was sent.", false},
		store.NotifyReturned:   {groupMoney, "A withdrawal came back", "Your withdrawal of {amount} did not arrive: the amount is yours again.", true},

		store.NotifyApproved:  {groupTorrents, "A torrent of mine was approved", "{of} was approved: hosting it earns from now on.", false},
		store.NotifyWithdrawn: {groupTorrents, "A torrent of mine was withdrawn", "{of} was withdrawn from the catalogue.", true},
		store.NotifyChanges:   {groupTorrents, "An operator asks for changes of a torrent of mine", "An operator asks for changes of {of}: edit it, and it is looked at again.", true},
		store.NotifyRefused:   {groupTorrents, "A torrent of mine was refused", "{of} was refused and left the catalogue.", true},
		store.NotifyReport:    {groupTorrents, "What I reported was decided", "An operator decided on your {of}.", false},
		store.NotifyComment:   {groupTorrents, "Somebody commented on a torrent of mine", "There is a new comment on {of}.", false},

		store.NotifyFilled:   {groupRequests, "Somebody offers a torrent for my request", "A torrent was offered for {of}: look at it, and accept or reject it.", false},
		store.NotifyAccepted: {groupRequests, "What I offered for a request was accepted", "What you offered for {of} was accepted. The bounty of {amount} is yours.", false},
		store.NotifyRejected: {groupRequests, "What I offered for a request was rejected", "What you offered for {of} was rejected; the reason is on its page.", true},
		store.NotifyClosed:   {groupRequests, "A request to whose bounty I gave was closed", "{of} was closed without being filled. {amount} came back to you.", false},

		store.NotifyAudit:     {groupHosting, "An audit of what I host failed (at most once a day and node)", "{of} of what you host failed: data was wrong or missing, or was refused.", true},
		store.NotifySlash:     {groupHosting, "A penalty was taken", "A penalty of {amount} was taken after {of}. Within the appeal window an operator can return it.", true},
		store.NotifySlashBack: {groupHosting, "A penalty was returned", "The penalty of {amount} after {of} was returned to you.", false},
		store.NotifySuspended: {groupHosting, "A node of mine was suspended", "{of} was suspended: too many of its audits failed. It earns nothing until it has proven itself again.", true},

		store.NotifyAccount:       {groupSecurity, "An operator changed something about my account", "{of}", false},
		store.NotifyAppealGranted: {groupHosting, "An appeal of mine was granted", "Your {of} was granted, and {amount} came back to you. The reason is on its page.", false},
		store.NotifyAppealRefused: {groupHosting, "An appeal of mine was refused", "Your {of} was refused; the reason is on its page.", true},

		store.NotifySignIn:   {groupSecurity, "A new sign-in to my account", "Somebody signed in to your account: {of}. If that was not you, end that session and change your password.", false},
		store.NotifyFactor:   {groupSecurity, "How I sign in was changed", "How you sign in was changed: {of}. If that was not you, ask an operator for help.", false},
		store.NotifyKeyReset: {groupSecurity, "My announce key was replaced", "Your announce key was replaced. Download your .torrent files again, so that your clients have the new one.", false},
	}
}

// notice puts a notification into words. names are those of the torrents it may be about; one that is not
// there any more is called so.
func (s *site) notice(n store.Notification, names map[bt.TorrentID]store.TorrentName) notice {
	w := wordsOf(n.Kind)
	x := notice{Notification: n, Group: w.group}
	of := x.subject(names)
	amount := s.money(n.Amount)
	switch n.Kind {
	case store.NotifySent, store.NotifyReturned:
		amount = s.amountOf(tokens.Quote, n.Amount)
	case store.NotifyLowBalance:
		x.Act, x.To = "Buy what is missing", "/buy?tokens="+n.Amount.String()
	case store.NotifyPayout:
		of = utc(n.AtMs).Format("2 January 2006")
		x.Act, x.To = "See every transfer", "/wallet"
	case store.NotifyClosed:
		if n.Amount == 0 {
			w.says = "{of} was closed without being filled."
		}
	case store.NotifyAppealGranted:
		if n.Amount == 0 {
			w.says = "Your {of} was granted. The reason is on its page."
		}
	case store.NotifyAccepted:
		if n.Amount == 0 {
			w.says = "What you offered for {of} was accepted."
		}
	}
	x.Text = capital(strings.NewReplacer("{of}", of, "{amount}", amount).Replace(w.says))
	return x
}

// Bad reports whether it costs the member something.
func (x notice) Bad() bool { return wordsOf(x.Kind).bad }

// subject names what a notification is about, and notes the path to it.
func (x *notice) subject(names map[bt.TorrentID]store.TorrentName) string {
	part := strings.Split(x.Ref, "/")
	number := ""
	if len(part) > 1 {
		number = part[1]
	}
	switch what := part[0]; {
	case x.Group == groupSecurity:
		x.Path = "/account"
		if x.Kind == store.NotifyKeyReset {
			x.Path = "/mine/key"
		}
		return x.Ref
	case what == "torrent":
		return x.torrent(names, part)
	case what == "report":
		x.Path = "/reports#report-" + number
		return "report " + number
	case what == "audit":
		x.Path = "/audits/" + number
		return "audit " + number
	case what == "appeal":
		x.Path = "/appeals/" + number
		return "appeal " + number
	case what == "node":
		x.Path = "/hosting/nodes/" + number
		return "your node " + number
	case what == "epoch":
		x.Path = "/economy/epochs/" + number
		return "epoch " + number
	case what == "request":
		x.Path = "/requests/" + number
		return "request " + number
	case what == "withdrawal":
		x.Path = "/wallet/pay"
	}
	return x.Ref
}

func (x *notice) torrent(names map[bt.TorrentID]store.TorrentName, part []string) string {
	id, _ := torrentOf(x.Notification)
	n, ok := names[id]
	if !ok {
		return "a torrent that is gone"
	}
	if !n.Withdrawn {
		x.Path = "/torrents/" + n.InfoHash.String()
		if len(part) == 4 && part[2] == "comment" {
			x.Path += "#comment-" + part[3]
		}
	}
	return "“" + n.Name + "”"
}

// torrentOf is the torrent that a notification is about, if it is about one.
func torrentOf(n store.Notification) (bt.TorrentID, bool) {
	rest, ok := strings.CutPrefix(n.Ref, "torrent/")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, "/")
	id, err := strconv.ParseUint(number, 10, 32)
	return bt.TorrentID(id), err == nil
}

// capital makes a sentence of what begins with a small letter.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return fmt.Sprintf("%c%s", s[0]-'a'+'A', s[1:])
}
