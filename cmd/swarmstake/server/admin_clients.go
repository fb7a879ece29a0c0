package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
)

// What an administrative command does with client rules.
const (
	ClientsList   = "list"
	ClientsAllow  = "allow"
	ClientsDeny   = "deny"
	ClientsRemove = "remove"
)

// ChangeClients asks for the client rules, after one of them was changed.
type ChangeClients struct {
	Do     string // ClientsList, ClientsAllow, ClientsDeny or ClientsRemove
	Prefix string // of the rule to change
	Note   string // with ClientsAllow and ClientsDeny
}

// ClientRules is what `admin clients` prints: the rules as they are then.
type ClientRules struct {
	Rules         []ClientRule `json:"rules"`
	AllowUnlisted bool         `json:"allow_unlisted"` // of clients that no rule names
}

// ClientRule is a rule of ClientRules.
type ClientRule struct {
	Prefix    string    `json:"prefix"`
	Allow     bool      `json:"allow"`
	Note      string    `json:"note"`
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy string    `json:"changed_by"` // name of the operator; empty: a default, or a command
}

// AdministerClients carries out req as Administer does. A running server applies it at once.
func AdministerClients(ctx context.Context, conf Config, req ChangeClients) (ClientRules, error) {
	raw, err := administer(ctx, conf, "/clients", req, func(ctx context.Context, st *store.Store) (any, error) {
		return changeClients(ctx, st, req, func(context.Context) error { return nil })
	})
	if err != nil {
		return ClientRules{}, err
	}
	var out ClientRules
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("read the server's answer: %w", err)
	}
	return out, nil
}

// serveClients answers AdministerClients; changed is told after each commit.
func (a *adminServer) serveClients(st *store.Store, changed func(context.Context) error) {
	command(a, "/clients", func(ctx context.Context, req ChangeClients) (ClientRules, error) {
		out, err := changeClients(ctx, st, req, changed)
		if err == nil && req.Do != ClientsList {
			a.log.Info("client rules changed by an administrative command", "do", req.Do, "prefix", req.Prefix)
		}
		return out, err
	})
}

func changeClients(ctx context.Context, st *store.Store, req ChangeClients, changed func(context.Context) error) (ClientRules, error) {
	var err error
	switch req.Do {
	case ClientsList:
		return listClients(ctx, st)
	case ClientsAllow, ClientsDeny:
		_, err = st.PutClientRule(ctx, tracker.ClientRule{Prefix: req.Prefix, Allow: req.Do == ClientsAllow, Note: req.Note}, 0)
	case ClientsRemove:
		err = st.RemoveClientRule(ctx, req.Prefix, 0)
	default:
		return ClientRules{}, fmt.Errorf("client rules: no command %q: list, allow, deny or remove", req.Do)
	}
	if errors.Is(err, store.ErrNotFound) {
		return ClientRules{}, fmt.Errorf("there is no rule for the prefix %q: 'swarmstake admin clients list' shows them all", req.Prefix)
	}
	if err != nil {
		return ClientRules{}, err
	}
	if err := changed(ctx); err != nil {
		return ClientRules{}, fmt.Errorf("the rule is stored, but the running server did not take it over: %w", err)
	}
	return listClients(ctx, st)
}

func listClients(ctx context.Context, st *store.Store) (ClientRules, error) {
	rules, err := st.ClientRules(ctx)
	if err != nil {
		return ClientRules{}, err
	}
	policy, err := store.PolicyOf(rules)
	if err != nil {
		return ClientRules{}, err
	}
	out := ClientRules{Rules: []ClientRule{}, AllowUnlisted: policy.AllowsUnlisted()}
	for _, r := range rules {
		out.Rules = append(out.Rules, ClientRule{r.Prefix, r.Allow, r.Note, time.UnixMilli(r.ChangedMs).UTC(), r.ChangedBy})
	}
	return out, nil
}
