package server

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/store"
)

// rulebook holds what operators change on the website to the rules of the configuration.
type rulebook struct{ conf Config }

var _ store.Rulebook = rulebook{}

// configuredOnly is the parameter that bounds what one operator does alone: if operators could change it, one of them
// could lift it alone.
const configuredOnly = "economy.correction_limit"

// Canonical implements store.Rulebook: it takes what a configuration file takes.
func (b rulebook) Canonical(name, value string) (string, error) {
	if name == configuredOnly {
		return "", fmt.Errorf("%s is changed in the configuration only: it bounds what one operator does alone", name)
	}
	for _, k := range configKeys() {
		if k.name != name || !k.dated {
			continue
		}
		c := b.conf
		if err := k.set(&c, value); err != nil {
			return "", err
		}
		if err := k.check(&c); err != nil {
			return "", err
		}
		return k.text(&c), nil
	}
	return "", fmt.Errorf("there is no parameter %q", name)
}

// Economy implements store.Rulebook: the whole configuration must hold with the values in it.
func (b rulebook) Economy(values map[string]string) (store.Economy, error) {
	c, err := b.conf.withDated(values)
	return c.economy(), err
}

// beginPlanned dates the changes that waited for the epoch which is about to begin.
func (s *Server) beginPlanned(ctx context.Context) error {
	changes, err := s.store.BeginRules(ctx, rulebook{s.conf})
	for _, c := range changes {
		for _, v := range c.Values {
			if c.State == store.RulesRefused {
				s.log.Error("a parameter that was to change from now on does not", "change", c.ID, "key", v.Key, "to", v.To, "error", c.EndedWhy)
				continue
			}
			s.log.Info("a parameter changes", "change", c.ID, "key", v.Key, "from", v.From, "to", v.To, "from_epoch", c.Epoch)
		}
	}
	return err
}
