package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// moderation is what operators and members do about members, torrents and words.
type moderation interface {
	ModerationCounts(context.Context) (store.ModerationCounts, error)
	Explain(ctx context.Context, decisions, reports []int64) (store.Explanations, error)
	queueing
	memberships
	memberReports
	announcing
	operatorLog
}

type queueing interface {
	Queue(ctx context.Context, after store.Cursor, limit int) ([]store.QueuedTorrent, store.Cursor, error)
	Queued(context.Context, bt.TorrentID) (store.QueuedTorrent, error)
	ApproveTorrents(ctx context.Context, by bt.MemberID, ids []bt.TorrentID) ([]bt.TorrentID, error)
	RefuseTorrent(ctx context.Context, by bt.MemberID, t bt.TorrentID, reason string) error
	AskForChanges(ctx context.Context, by bt.MemberID, t bt.TorrentID, reason string) error
	TorrentDecisions(ctx context.Context, t bt.TorrentID, before int64, n int) ([]store.TorrentDecision, error)
}

type memberships interface {
	Members(context.Context, store.MemberQuery) ([]store.Member, store.Cursor, error)
	MemberRecord(context.Context, bt.MemberID) (store.MemberRecord, error)
	ActOnMember(ctx context.Context, by, m bt.MemberID, act store.MemberAct, reason string) (changed bool, err error)
	AddMemberNote(ctx context.Context, by, m bt.MemberID, text string) error
	MemberNotes(ctx context.Context, m bt.MemberID, before int64, n int) ([]store.MemberNote, error)
	GrantedInvites(context.Context, bt.MemberID) (int, error)
}

type memberReports interface {
	AddReport(context.Context, store.NewReport) (int64, error)
	ReportSubject(ctx context.Context, kind store.ReportKind, subject int64) (store.MemberReport, error)
	MemberReport(ctx context.Context, id int64) (store.MemberReport, error)
	MemberReports(context.Context, store.ReportQuery) ([]store.MemberReport, int64, error)
	ResolveReport(context.Context, store.Resolution) (int, error)
}

type announcing interface {
	AddAnnouncement(ctx context.Context, by bt.MemberID, n store.NewAnnouncement) (int64, error)
	EditAnnouncement(ctx context.Context, by bt.MemberID, id int64, n store.NewAnnouncement) error
	EndAnnouncement(ctx context.Context, by bt.MemberID, id int64) error
	Announcement(ctx context.Context, id int64) (store.Announcement, error)
	Announcements(context.Context, store.AnnouncementQuery) ([]store.Announcement, store.Cursor, error)
	CurrentAnnouncements(context.Context) ([]store.Announcement, error)
	Dismiss(ctx context.Context, m bt.MemberID, announcement int64) error
	Dismissed(ctx context.Context, m bt.MemberID, ids []int64) (map[int64]int64, error)
}

type operatorLog interface {
	Log(context.Context, store.LogQuery) ([]store.LogLine, int64, error)
	LogKinds(context.Context) ([]string, error)
	LogOperators(context.Context) ([]store.LogOperator, error)
}
