package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// Rules are the economy's parameters of one epoch: what decides what members pay and earn. They are
// the dated keys of the configuration. The database says which are in force: a start with another
// configuration announces them, and so do operators on the website; the next epoch begins with them
// everywhere at once.
type Rules struct {
	EpochLength     time.Duration
	SettlementDelay time.Duration
	Tracker         swarm.Params
	Surge           surge.Params
	Settle          settle.Params
	Availability    availability.Params
	Economy         store.Economy
}

// byConfiguration is who changes parameters by a start with another configuration.
const byConfiguration = "configuration"

// rules are the rules in force.
func (s *Server) rules() *Rules { return s.inForce.Load() }

// rulesOf are the rules that a configuration comes to; base is the public address.
func (c Config) rulesOf(base string) *Rules {
	return &Rules{EpochLength: c.Server.EpochLength, SettlementDelay: c.Server.SettlementDelay, Tracker: c.swarms(base),
		Surge: c.Surge, Settle: c.Settle, Availability: c.Availability, Economy: c.economy()}
}

// epochCheck is how often epochs are looked at: often enough that their length means something.
func (s *Server) epochCheck() time.Duration {
	return min(max(s.rules().EpochLength/60, 100*time.Millisecond), 10*time.Second)
}

func (s *Server) priceStep() time.Duration { return s.rules().Surge.Step }

// gate is what the gate costs, in words.
func (r *Rules) gate() string { return r.Economy.Gate.String() + " " + r.Economy.Symbol }

// dated are the values of the economy's parameters, by key.
func (c Config) dated() map[string]string {
	out := map[string]string{}
	for _, k := range configKeys() {
		if k.dated {
			out[k.name] = k.text(&c)
		}
	}
	return out
}

// withDated is the configuration with recorded values of the economy's parameters. Recorded keys
// that it does not know, of other versions, are left out.
func (c Config) withDated(values map[string]string) (Config, error) {
	for _, k := range configKeys() {
		value, ok := values[k.name]
		if !ok || !k.dated {
			continue
		}
		if err := k.set(&c, value); err != nil {
			return c, err
		}
	}
	return c, c.Validate()
}

// recordRules notes in the database what the configuration changes, tells the operator, and puts in
// force what is. What operators set on the website stays, unless the configuration says something else
// of it than at the last start.
func (s *Server) recordRules(ctx context.Context) error {
	wanted := s.conf.dated()
	recorded, then, err := s.store.NextParameters(ctx, wanted)
	if err != nil {
		return err
	}
	if err := s.possible(ctx, recorded, then); err != nil {
		return err
	}
	changes, err := s.store.SetParameters(ctx, wanted, byConfiguration)
	if err != nil {
		return err
	}
	s.tell(changes, len(changes) == len(wanted))
	s.tellKept(wanted, then)
	p, err := s.store.Parameters(ctx)
	if err != nil {
		return err
	}
	rules, err := s.rulesAt(ctx, max(p.Epoch, 1))
	if err != nil {
		return err
	}
	s.enact(ctx, rules)
	return nil
}

// possible reports why the next epoch could not begin with values that are to be recorded. A sale that is
// recorded as it is wanted was possible, and a purchase since that made it impossible stops no start:
// renewSale logs it.
func (s *Server) possible(ctx context.Context, recorded, then map[string]string) error {
	next, err := s.conf.withDated(then)
	if err != nil {
		return fmt.Errorf("parameters of the next epoch, of which operators may have set some on the website: %w", err)
	}
	if before, err := s.conf.withDated(recorded); err == nil && len(recorded) > 0 && before.curve() == next.curve() {
		return nil
	}
	if err := s.store.CheckSale(ctx, next.economy()); err != nil {
		return fmt.Errorf("configuration: economy.sale_price = %d, economy.sale_limit = %d: %w", next.Economy.SalePrice, next.Economy.SaleLimit, err)
	}
	return nil
}

// tell logs a line for each change. A new database has all keys for the first time, which is no news.
func (s *Server) tell(changes []store.ParameterChange, first bool) {
	for _, c := range changes {
		switch {
		case c.Overtakes > 0:
			s.log.Warn("a parameter changes: the configuration says something else than at the last start, and takes the place of what was set on the website",
				"key", c.Key, "from", c.From, "to", c.To, "from_epoch", c.Epoch, "change", c.Overtakes)
		case c.From != "":
			s.log.Info("a parameter changes", "key", c.Key, "from", c.From, "to", c.To, "from_epoch", c.Epoch)
		case !first:
			s.log.Info("a parameter is new", "key", c.Key, "value", c.To, "from_epoch", c.Epoch)
		}
	}
}

// tellKept logs a line for each parameter of which the configuration says something that does not count.
func (s *Server) tellKept(wanted, recorded map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if recorded[key] != wanted[key] {
			s.log.Info("a parameter stays as it was set on the website, until the configuration changes", "key", key, "value", recorded[key], "configuration", wanted[key])
		}
	}
}

// rulesAt are the rules in force in an epoch. Keys that are not dated have the values of this start.
func (s *Server) rulesAt(ctx context.Context, epoch int64) (*Rules, error) {
	return rulesAt(ctx, s.store, s.conf, epoch, s.base)
}

func rulesAt(ctx context.Context, st *store.Store, conf Config, epoch int64, base string) (*Rules, error) {
	values, err := st.ParametersAt(ctx, epoch)
	if err != nil {
		return nil, err
	}
	if conf, err = conf.withDated(values); err != nil {
		return nil, fmt.Errorf("parameters of epoch %d: %w", epoch, err)
	}
	return conf.rulesOf(base), nil
}

// enact puts an epoch's rules in force everywhere, with what retargeting made of their base price.
// Announces that are under way are answered by the old ones.
func (s *Server) enact(ctx context.Context, rules *Rules) {
	s.store.SetEconomy(rules.Economy)
	priced := *rules
	if base, err := s.store.BasePrice(context.WithoutCancel(ctx)); err != nil {
		s.log.Error("the base price stays as configured until the next settlement", "error", err)
	} else {
		priced.Surge.Base, priced.Tracker.BasePrice, priced.Economy.BasePrice = base, base, base
	}
	s.inForce.Store(&priced)
	if s.swarms != nil { // else the start goes on, and reads what is in force
		s.swarms.SetParams(priced.Tracker)
	}
	if s.handler != nil {
		s.handler.SetGate(priced.gate())
	}
}

// retarget takes over what a settlement made of the base price.
func (s *Server) retarget(ctx context.Context) error {
	rules, err := s.rulesAt(ctx, s.epoch().Number)
	if err == nil {
		s.enact(ctx, rules)
	}
	return err
}

// openOffline opens the database of a server that does not run, with the parameters in force in it.
func openOffline(ctx context.Context, conf Config) (*store.Store, error) {
	st, err := store.Open(ctx, conf.Data, store.Options{Economy: conf.economy()})
	if err != nil {
		return nil, err
	}
	if err := prepareOffline(ctx, st, conf); err != nil {
		st.Close()
		return nil, err
	}
	return st, nil
}

// prepareOffline does what a server's start would have done: the first tokens of a new ledger are the treasury's.
func prepareOffline(ctx context.Context, st *store.Store, conf Config) error {
	if err := genesis(ctx, st, conf.Server.GenesisTreasury); err != nil {
		return err
	}
	p, err := st.Parameters(ctx)
	if err != nil {
		return err
	}
	rules, err := rulesAt(ctx, st, conf, max(p.Epoch, 1), "")
	if err == nil {
		st.SetEconomy(rules.Economy)
	}
	return err
}

// webRules are the rules that the site shows.
func (s *Server) webRules() web.Rules {
	r := s.rules()
	return web.Rules{EpochLength: r.EpochLength, Economy: r.Economy, Surge: r.Surge, Settle: r.Settle, Availability: r.Availability}
}

// parameterInfo is what the site says of the economy's parameters.
func parameterInfo() map[string]web.ParameterInfo {
	out := map[string]web.ParameterInfo{}
	for _, k := range configKeys() {
		if a, err := k.accepts(); k.dated && err == nil { // a test holds all ranges to be readable
			out[k.name] = web.ParameterInfo{Unit: k.shownUnit(), Accepts: a.text, Meaning: k.doc()}
		}
	}
	return out
}
