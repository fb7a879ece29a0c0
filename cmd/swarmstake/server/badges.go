package server

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/availability/badge"
)

// badgeInterval is between two looks for periods that are over.
const badgeInterval = time.Minute

// badges signs for hosting that settled epochs proved.
type badges struct {
	key    badge.Key
	public badge.Keys // its public key, and those of all keys before it
}

// openBadges takes the signing key from the data folder, which is made if there is none. The public key is
// kept in the database: what it signed stays good when the key is lost or changed.
func (s *Server) openBadges(ctx context.Context) (*badges, error) {
	key, err := badge.LoadOrCreateKey(s.conf.Data)
	if err != nil {
		return nil, err
	}
	public, err := s.store.KeepBadgeKey(ctx, key.Public())
	return &badges{key, public}, err
}

// awardBadges awards what periods that are over and settled earned.
func (s *Server) awardBadges(ctx context.Context, _ time.Time) error {
	b := s.badges
	n, err := s.store.AwardBadges(ctx, s.rules().Availability, func(c badge.Claims) (string, error) {
		c.Issuer = s.base
		return b.key.Sign(c)
	})
	if n > 0 {
		s.log.Info("badges awarded", "badges", n)
	}
	return err
}
