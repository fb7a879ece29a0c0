package server

import (
	"context"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

var _ web.Records = (*Server)(nil)

// AuditRecord is what anybody needs to draw a settled epoch's audits again, with the rules that were
// in force in it.
func (s *Server) AuditRecord(ctx context.Context, epoch int64) (availability.Record, error) {
	return auditRecord(ctx, s.store, s.conf, epoch)
}

// AuditRecord is the same from a database that this process opened.
func AuditRecord(ctx context.Context, st *store.Store, epoch int64) (availability.Record, error) {
	return auditRecord(ctx, st, DefaultConfig(), epoch)
}

// auditRecord reads an epoch's record; conf gives what is no parameter of an epoch.
func auditRecord(ctx context.Context, st *store.Store, conf Config, epoch int64) (availability.Record, error) {
	rules, err := rulesAt(ctx, st, conf, epoch, "")
	if err != nil {
		return availability.Record{}, err
	}
	return st.AuditRecord(ctx, rules.Availability, epoch)
}
