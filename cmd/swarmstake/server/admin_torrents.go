package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What an administrative command does with a torrent.
const (
	TorrentFree    = "free"
	TorrentPaid    = "paid"
	TorrentSponsor = "sponsor"
)

// ChangeTorrent asks for a change of a torrent.
type ChangeTorrent struct {
	Do       string // TorrentFree, TorrentPaid or TorrentSponsor
	InfoHash string
	For      time.Duration // with TorrentFree and TorrentSponsor
	Amount   tokens.Amount // with TorrentSponsor: out of the treasury
}

// ChangedTorrent says what became of it.
type ChangedTorrent struct {
	Torrent   string     `json:"torrent"`
	TorrentID int64      `json:"torrent_id"`
	Done      string     `json:"done"`
	Until     *time.Time `json:"until,omitempty"`
}

// AdministerTorrent carries out req as Administer does. A running server applies it at once.
func AdministerTorrent(ctx context.Context, conf Config, req ChangeTorrent) (json.RawMessage, error) {
	return administer(ctx, conf, "/torrents/change", req, func(ctx context.Context, st *store.Store) (any, error) {
		return changeTorrent(ctx, st, req, time.Now(), func(context.Context, bt.TorrentID) error { return nil })
	})
}

// serveTorrents answers AdministerTorrent; changed is told after each commit.
func (a *adminServer) serveTorrents(st *store.Store, now func() time.Time, changed func(context.Context, bt.TorrentID) error) {
	command(a, "/torrents/change", func(ctx context.Context, req ChangeTorrent) (ChangedTorrent, error) {
		out, err := changeTorrent(ctx, st, req, now(), changed)
		if err == nil {
			a.log.Info("torrent changed by an administrative command", "do", req.Do, "torrent", out.TorrentID)
		}
		return out, err
	})
}

func changeTorrent(ctx context.Context, st *store.Store, req ChangeTorrent, now time.Time, changed func(context.Context, bt.TorrentID) error) (ChangedTorrent, error) {
	hash, err := bt.ParseInfoHash(req.InfoHash)
	if err != nil {
		return ChangedTorrent{}, err
	}
	t, err := st.TorrentByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return ChangedTorrent{}, fmt.Errorf("there is no torrent with info-hash %s", req.InfoHash)
	}
	if err != nil {
		return ChangedTorrent{}, err
	}
	out := ChangedTorrent{Torrent: t.Name, TorrentID: int64(t.ID), Done: req.Do}
	until := now.Add(req.For).UTC()
	switch req.Do {
	case TorrentFree:
		if req.For <= 0 {
			return out, errors.New("say with --for how long, such as --for 48h")
		}
		out.Until, err = &until, st.SetFree(ctx, t.ID, until, 0)
	case TorrentPaid:
		err = st.SetFree(ctx, t.ID, time.Time{}, 0)
	case TorrentSponsor:
		out.Until = &until
		_, err = st.SponsorFromTreasury(ctx, t.ID, req.Amount, req.For, 0)
	default:
		err = fmt.Errorf("torrents: no command %q: free, paid or sponsor", req.Do)
	}
	if err != nil {
		return ChangedTorrent{}, err
	}
	if err := changed(ctx, t.ID); err != nil {
		return ChangedTorrent{}, fmt.Errorf("the change is stored, but the running server did not take it over: %w", err)
	}
	return out, nil
}
