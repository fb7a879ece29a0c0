package web

import (
	"slices"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// mineAPI is a member's own, what there is to know of others, and how the economy stands.
func (s *site) mineAPI() []endpoint {
	return slices.Concat(s.ownListsAPI(), s.noticesAPI(), s.topAPI(), []endpoint{
		{openapi.Operation{Method: "GET", Path: "/economy", Tag: tagEconomy, Who: openapi.Anybody,
			Does:   "Returns how the economy stands.",
			Answer: openapi.Of[economyView]()}, s.apiEconomy},
		{openapi.Operation{Method: "GET", Path: "/economy/epochs", Tag: tagEconomy, Who: openapi.Anybody,
			Does:  "Lists epochs and what they brought, newest first.",
			Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[epochsView]()}, s.apiEpochs},
	})
}

// ownListsAPI is what runs and what was.
func (s *site) ownListsAPI() []endpoint {
	page := []openapi.Field{cursorParam(), limitParam()}
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/mine/downloads", Tag: tagTorrents, Who: openapi.Member,
			Does:  "Lists the member's running downloads, what they cost and what they wait for.",
			Notes: "A client counts for an hour after its last announce. At most 100 are listed.",
			Query: page, Answer: openapi.Of[runningView]()}, s.apiDownloads},
		{openapi.Operation{Method: "GET", Path: "/mine/seeding", Tag: tagTorrents, Who: openapi.Member,
			Does:  "Lists what the member's clients seed now, newest torrent first.",
			Query: page, Answer: openapi.Of[seedingView]()}, s.apiSeeding},
		{openapi.Operation{Method: "GET", Path: "/mine/history", Tag: tagTorrents, Who: openapi.Member,
			Does:  "Lists the member's downloads, the last begun first.",
			Query: page, Answer: openapi.Of[historyView]()}, s.apiHistory},
		{openapi.Operation{Method: "GET", Path: "/mine/uploads", Tag: tagTorrents, Who: openapi.Member,
			Does:  "Lists what the member uploaded, newest first, withdrawn torrents too.",
			Query: page, Answer: openapi.Of[mineUploads]()}, s.apiUploads},
		{openapi.Operation{Method: "GET", Path: "/mine/clients", Tag: tagAccount, Who: openapi.Member,
			Does:  "Lists the member's clients as the tracker sees them, and whether they are allowed.",
			Notes: "A client counts for an hour after its last announce. At most 200 are listed.",
			Query: page, Answer: openapi.Of[mineClients]()}, s.apiOwnClients},
	}
}

// noticesAPI is what a member is told.
func (s *site) noticesAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/notifications", Tag: tagAccount, Who: openapi.Member,
			Does:   "Lists what the member was told, newest first.",
			Query:  []openapi.Field{openapi.May("show", openapi.OneOf("unread: only what was not read", showUnread)), cursorParam(), limitParam()},
			Answer: openapi.Of[noticesView]()}, s.apiNotifications},
		{openapi.Operation{Method: "POST", Path: "/notifications/read", Tag: tagAccount, Who: openapi.Member,
			Does: "Marks every notification up to a time as read.",
			Body: openapi.Of[readBody](), Status: 204}, s.apiReadAll},
		{openapi.Operation{Method: "POST", Path: "/notifications/{id}/read", Tag: tagAccount, Who: openapi.Member,
			Does:   "Marks a notification as read.",
			Status: 204}, s.apiRead},
		{openapi.Operation{Method: "GET", Path: "/notifications/settings", Tag: tagAccount, Who: openapi.Member,
			Does:   "Lists the kinds of notifications, and which of them the member wants.",
			Answer: openapi.Of[noticeSettings]()}, s.apiNoticeSettings},
		{openapi.Operation{Method: "PUT", Path: "/notifications/settings", Tag: tagAccount, Who: openapi.Member,
			Does:  "Switches kinds of notifications off, and all others on.",
			Notes: "What concerns security is always told.",
			Body:  openapi.Of[noticeSettingsBody](), Answer: openapi.Of[noticeSettings]()}, s.apiPutNoticeSettings},
	}
}

// topAPI is what is most wanted, and who did most.
func (s *site) topAPI() []endpoint {
	by := []openapi.Field{openapi.May("by", openapi.OneOf("what members are ranked by; absent: earned", "earned", "bytes"))}
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/top/wanted", Tag: tagTorrents, Who: openapi.Member,
			Does:   "Ranks the torrents that are most wanted now, and those that were downloaded most lately.",
			Answer: openapi.Of[wantedView]()}, s.apiTopWanted},
		{openapi.Operation{Method: "GET", Path: "/top/scarce", Tag: tagTorrents, Who: openapi.Member,
			Does:   "Ranks the torrents that are wanted and have too few hosts.",
			Answer: openapi.Of[scarceView]()}, s.apiTopScarce},
		{openapi.Operation{Method: "GET", Path: "/top/earning", Tag: tagHosting, Who: openapi.Member,
			Does:   "Ranks the torrents that would pay a new host most.",
			Answer: openapi.Of[earningView]()}, s.apiTopEarning},
		{openapi.Operation{Method: "GET", Path: "/top/uploaders", Tag: tagEconomy, Who: openapi.Member,
			Does:  "Ranks the members who uploaded most, among those who want to be shown.",
			Query: by, Answer: openapi.Of[standingsView]()}, s.apiTopMembers(uploaderLists())},
		{openapi.Operation{Method: "GET", Path: "/top/hosts", Tag: tagEconomy, Who: openapi.Member,
			Does:  "Ranks the members who hosted most, among those who want to be shown.",
			Query: by, Answer: openapi.Of[standingsView]()}, s.apiTopMembers(hostLists())},
		{openapi.Operation{Method: "GET", Path: "/top/listing", Tag: tagAccount, Who: openapi.Member,
			Does:   "Returns whether the member is shown to others in rankings, and what they did.",
			Answer: openapi.Of[listingView]()}, s.apiListing},
		{openapi.Operation{Method: "PUT", Path: "/top/listing", Tag: tagAccount, Who: openapi.Member,
			Does: "Says whether the member is shown to others in rankings.",
			Body: openapi.Of[listingBody](), Answer: openapi.Of[listingView]()}, s.apiPutListing},
	}
}
