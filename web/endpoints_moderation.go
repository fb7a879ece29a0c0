package web

import (
	"net/http"
	"slices"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// Queries and bodies that several endpoints of moderation take.
var (
	modPaged = []openapi.Field{
		openapi.May("cursor", openapi.Text("Next of the page before; empty: from the top")),
		openapi.May("limit", openapi.Whole("How many at most", 1, maxPageSize)),
	}
	modReasonBody = openapi.Object(openapi.Need("reason", openapi.Text("Why: one line that whom it concerns reads, and that the operators' log keeps")))
	modLogFilters = []openapi.Field{
		openapi.May("operator", openapi.Text("Only what this operator did; - stands for commands on the server and the program itself")),
		openapi.May("kind", openapi.Text("Only acts whose first word this is, such as member or torrent")),
		openapi.May("about", openapi.Text("Only what was done to the account of the member with this number; the other filters are not looked at")),
	}
	modAnnouncementBody = openapi.Object(
		openapi.Need("kind", openapi.OneOf("", store.AnnouncementNotice, store.AnnouncementWarning)),
		openapi.Need("title", openapi.Text("1 to 120 characters")),
		openapi.May("text", openapi.Text("Plain text, up to 4000 characters")),
		openapi.May("from_at", openapi.OrNull(openapi.Time("Null or left out: now; of one that is there: as it was"))),
		openapi.May("until_at", openapi.OrNull(openapi.Time("Null or left out: until an operator ends it"))),
	)
)

// moderationAPI is what keeps a community in order.
func (s *site) moderationAPI() []endpoint {
	return slices.Concat(s.queueAPI(), s.membersAPI(), s.reportsAPI(), s.announcementsAPI(), s.logAPI())
}

func (s *site) queueAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/queue", Tag: tagModeration, Who: openapi.Operator, Does: "Lists the torrents that wait for approval.",
			Notes: "Those that were changed as an operator asked come first, then those that nobody decided about, then those that wait for their uploaders; each the oldest first.",
			Query: modPaged, Answer: openapi.Of[queuePage]()}, s.apiQueue},
		{openapi.Operation{Method: "GET", Path: "/admin/queue/{infohash}", Tag: tagModeration, Who: openapi.Operator, Does: "Returns one torrent that waits for approval.",
			Answer: openapi.Of[queueView]()}, s.apiQueued},
		{openapi.Operation{Method: "POST", Path: "/admin/queue/approve", Tag: tagModeration, Who: openapi.Operator, Does: "Approves torrents that wait, all in one step.",
			Notes: "What was decided meanwhile stays as it is and is not among the answer.",
			Body:  openapi.Object(openapi.Need("infohashes", openapi.List(openapi.Text("40 hex digits")))), Answer: openapi.Of[approvedView]()}, s.apiApproveQueued},
		{openapi.Operation{Method: "POST", Path: "/admin/queue/{infohash}/refuse", Tag: tagModeration, Who: openapi.Operator, Does: "Refuses a torrent that waits: it leaves the catalogue for good, and its uploader is told why.",
			Body: modReasonBody, Answer: openapi.Of[decidedView]()}, s.apiDecideAgainst(true)},
		{openapi.Operation{Method: "POST", Path: "/admin/queue/{infohash}/changes", Tag: tagModeration, Who: openapi.Operator, Does: "Asks the uploader of a torrent that waits for changes.",
			Notes: "It stays in the queue, behind the others, and comes first once it was edited.", Body: modReasonBody, Answer: openapi.Of[decidedView]()}, s.apiDecideAgainst(false)},
		{openapi.Operation{Method: "GET", Path: "/torrents/{infohash}/decisions", Tag: tagModeration, Who: openapi.Member, Does: "Lists what operators decided about a torrent, newest first, for its uploader and for operators.",
			Query: modPaged, Answer: openapi.Of[decisionsPage]()}, s.apiDecisions},
	}
}

// memberActDoes says what each act does.
var memberActDoes = map[store.MemberAct]string{
	store.ActClose:   "Closes a member's account: they may look, and do nothing; their money is not touched.",
	store.ActReopen:  "Reopens a member's account.",
	store.ActVerify:  "Gives a member the free allowance.",
	store.ActClear:   "Lets a member's clients have peers again after a settlement found them silent.",
	store.ActPromote: "Makes a member an operator.",
	store.ActDemote:  "Takes an operator's rights away, from their next request on.",
	store.ActReset:   "Takes a member's authenticator and passkeys away and ends all of their sessions.",
	store.ActInvite:  "Grants a member an invitation beside those that the rules allow.",
}

func (s *site) membersAPI() []endpoint {
	show := openapi.May("show", openapi.OneOf("Only these; left out: all", store.MembersUnverified, store.MembersGuests, store.MembersOperators, store.MembersClosed))
	find := openapi.May("q", openapi.Text("The beginning of a name, or a number"))
	list := []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/members", Tag: tagModeration, Who: openapi.Operator, Does: "Lists members, the newest first; with q by name.",
			Query: slices.Concat([]openapi.Field{find, show}, modPaged), Answer: openapi.Of[adminMembersPage]()}, s.apiAdminMembers},
		{openapi.Operation{Method: "GET", Path: "/admin/members/{id}", Tag: tagModeration, Who: openapi.Operator, Does: "Returns what operators know of a member.",
			Answer: openapi.Of[adminMemberView]()}, s.apiAdminMember},
		{openapi.Operation{Method: "GET", Path: "/admin/members/{id}/notes", Tag: tagModeration, Who: openapi.Operator, Does: "Lists what operators noted about a member, newest first.",
			Query: modPaged, Answer: openapi.Of[notesPage]()}, s.apiNotes},
		{openapi.Operation{Method: "POST", Path: "/admin/members/{id}/notes", Tag: tagModeration, Who: openapi.Operator, Does: "Notes something about a member, for operators only; a note is never changed.",
			Body: openapi.Object(openapi.Need("text", openapi.Text("1 to 2000 characters"))), Status: http.StatusNoContent}, s.apiNote},
	}
	for _, act := range store.MemberActs() {
		if act == store.ActVerify { // it has been part of the API for longer, without a reason
			continue
		}
		list = append(list, endpoint{openapi.Operation{Method: "POST", Path: "/admin/members/{id}/" + string(act), Tag: tagModeration, Who: openapi.Operator, Does: memberActDoes[act],
			Notes: "The member is told, with the reason of at most 140 bytes.", Body: modReasonBody, Answer: openapi.Of[memberActView]()}, s.apiMemberAct(act)})
	}
	return list
}

func (s *site) reportsAPI() []endpoint {
	state := openapi.May("state", openapi.OneOf("Left out: open", stateOpen, string(store.VerdictUpheld), string(store.VerdictUnfounded)))
	kind := openapi.May("kind", openapi.OneOf("Only these", store.ReportKinds()...))
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/reports", Tag: tagModeration, Who: openapi.Member, Does: "Lists what the caller reported, newest first.",
			Query: modPaged, Answer: openapi.Of[reportsPage]()}, s.apiOwnReports},
		{openapi.Operation{Method: "POST", Path: "/reports", Tag: tagModeration, Who: openapi.Member, Does: "Brings a torrent, comment, request or member before the operators.",
			Notes: "A member has one open report of a thing, and sends at most 20 a day.", Status: http.StatusCreated,
			Body: openapi.Object(openapi.Need("kind", openapi.OneOf("", store.ReportKinds()...)), openapi.Need("id", openapi.Text("An info-hash for a torrent, else a number")),
				openapi.Need("reason", openapi.OneOf("", store.ReportReasons()...)), openapi.May("text", openapi.Text("Up to 2000 characters; needed for the reason other"))),
			Answer: openapi.Of[reportView]()}, s.apiReportThing},
		{openapi.Operation{Method: "GET", Path: "/admin/reports", Tag: tagModeration, Who: openapi.Operator, Does: "Lists reports by members: open ones the oldest first, others the newest.",
			Query: slices.Concat([]openapi.Field{state, kind}, modPaged), Answer: openapi.Of[reportsPage]()}, s.apiAdminReports},
		{openapi.Operation{Method: "POST", Path: "/admin/reports/{id}/resolve", Tag: tagModeration, Who: openapi.Operator, Does: "Ends a report with a verdict and tells who sent it.",
			Body: openapi.Object(openapi.Need("verdict", openapi.OneOf("", store.VerdictUpheld, store.VerdictUnfounded)), openapi.Need("note", openapi.Text("Why, in up to 500 bytes: the reporter reads it")),
				openapi.May("all", openapi.Bool("Ends all open reports of the same thing, up to 200"))), Answer: openapi.Of[resolvedView]()}, s.apiResolve},
	}
}

func (s *site) announcementsAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/announcements", Tag: tagModeration, Who: openapi.Member, Does: "Lists what operators announced, newest first.",
			Query: modPaged, Answer: openapi.Of[announcementsPage]()}, s.apiAnnouncements(true)},
		{openapi.Operation{Method: "POST", Path: "/announcements/{id}/dismiss", Tag: tagModeration, Who: openapi.Member, Does: "Puts an announcement away: the caller's pages do not show it until its words change.",
			Status: http.StatusNoContent}, s.apiDismiss},
		{openapi.Operation{Method: "GET", Path: "/admin/announcements", Tag: tagModeration, Who: openapi.Operator, Does: "Lists all announcements, also those to come.",
			Query: modPaged, Answer: openapi.Of[announcementsPage]()}, s.apiAnnouncements(false)},
		{openapi.Operation{Method: "POST", Path: "/admin/announcements", Tag: tagModeration, Who: openapi.Operator, Does: "Announces something on every page.",
			Notes: "At most 5 are shown or to come at a time.", Body: modAnnouncementBody, Status: http.StatusCreated, Answer: openapi.Of[announcementView]()}, s.apiAnnounce},
		{openapi.Operation{Method: "PUT", Path: "/admin/announcements/{id}", Tag: tagModeration, Who: openapi.Operator, Does: "Changes an announcement that is not over; who had put it away is shown new words again.",
			Body: modAnnouncementBody, Answer: openapi.Of[announcementView]()}, s.apiEditAnnouncement},
		{openapi.Operation{Method: "POST", Path: "/admin/announcements/{id}/end", Tag: tagModeration, Who: openapi.Operator, Does: "Takes an announcement from the pages.",
			Status: http.StatusNoContent}, s.apiEndAnnouncement},
	}
}

func (s *site) logAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/log", Tag: tagModeration, Who: openapi.Operator, Does: "Lists what operators did, newest first.",
			Notes: "The log is append-only: no line is changed or goes.", Query: slices.Concat(modLogFilters, modPaged), Answer: openapi.Of[logPage]()}, s.apiLog},
		{openapi.Operation{Method: "GET", Path: "/admin/log.csv", Tag: tagModeration, Who: openapi.Operator, Does: "Returns the operators' log as a table, up to 50,000 lines, the newest first.",
			Query: modLogFilters, Answer: openapi.Text("line, at, operator, action, detail"), AnswerTypes: []string{"text/csv"}}, s.logCSV},
	}
}
