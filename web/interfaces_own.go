package web

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// own is a member's own torrents, notifications and announce key.
type own interface {
	OwnCounts(ctx context.Context, m bt.MemberID, maxAge time.Duration) (store.OwnCounts, error)
	OwnDownloads(ctx context.Context, m bt.MemberID, maxAge time.Duration) ([]store.OwnSwarm, error)
	OwnSeeding(ctx context.Context, m bt.MemberID, before bt.TorrentID, maxAge time.Duration, limit int) ([]store.OwnSwarm, bt.TorrentID, error)
	OwnUploads(ctx context.Context, m bt.MemberID, before bt.TorrentID, limit int) ([]store.OwnUpload, bt.TorrentID, error)
	Snatches(ctx context.Context, m bt.MemberID, after store.Cursor, limit int) ([]store.Snatch, store.Cursor, error)
	TorrentNames(ctx context.Context, ids []bt.TorrentID) (map[bt.TorrentID]store.TorrentName, error)
	UploadsByTorrent(ctx context.Context, m bt.MemberID, since time.Time) (map[bt.TorrentID]tokens.Amount, error)

	Notifications(context.Context, store.NotificationQuery) ([]store.Notification, store.Cursor, error)
	Unread(context.Context, bt.MemberID) (int, error)
	SeeNotification(ctx context.Context, m bt.MemberID, id int64) error
	SeeNotifications(ctx context.Context, m bt.MemberID, untilMs int64) error
	NotificationsOff(context.Context, bt.MemberID) ([]string, error)
	SetNotificationsOff(ctx context.Context, m bt.MemberID, kinds []string) error

	KeyReset(context.Context, bt.MemberID) (store.KeyReset, error)
	ResetKey(ctx context.Context, m bt.MemberID, secret [32]byte) error
}
