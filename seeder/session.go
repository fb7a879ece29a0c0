package seeder

import (
	"context"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// session is one verified torrent that is announced. run ends with the torrent dropped from the
// engine and its final counters announced.
type session struct {
	torrent   *engine.Torrent
	announcer *Announcer
}

func newSession(eng *engine.Engine, t *engine.Torrent, tr *AnnounceTransport, onEvent func(AnnounceEvent)) *session {
	return &session{torrent: t, announcer: NewAnnouncer(AnnouncerConfig{
		URL: t.File.Announce, InfoHash: t.File.InfoHash, PeerID: eng.PeerID(), Port: eng.Port(), Transport: tr,
		Counters: func() Counters {
			s := t.Stats()
			return Counters{Uploaded: s.Uploaded, Downloaded: s.Downloaded, Left: s.Left, Peers: s.Peers}
		},
		Completed: t.Completed(), OnPeers: t.AddPeers, OnEvent: onEvent, BeforeStop: t.Drop,
	})}
}

func (s *session) run(ctx context.Context) { s.announcer.Run(ctx) }

// announceSoon asks the tracker for peers before the next announce is due.
func (h *hosted) announceSoon() {
	if s := h.session.Load(); s != nil && s.announcer != nil {
		s.announcer.AnnounceNow()
	}
}
