package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Rows on a node's page.
const (
	nodeClaimRows   = 200
	nodePenaltyRows = 50
)

// nodePath is the page of a node.
func nodePath(n bt.NodeID) string { return "/hosting/nodes/" + strconv.FormatUint(uint64(n), 10) }

// nodeData is all that a node's owner wants to know of it.
type nodeData struct {
	N           store.NodeRow
	Money       store.NodeStanding
	P           availability.Params
	Owner       bool
	Scores      []score
	Earned      *nodeEarnings // for its owner
	ActiveMs    int64         // a suspension lasts at least until then
	Away        time.Duration // of the present absence, as far as we looked
	Risks       []risk
	Claims      []claimRow
	Slashes     []store.Slash
	Forfeits    []store.Forfeit
	Maintenance Maintenance
	Left        time.Duration // of maintenance
	Form        maintenanceForm
	Audits      auditList
}

// risk is what an event would cost the node now.
type risk struct {
	Event  string
	Amount tokens.Amount
}

// claimRow is a claim with what its next fault would cost.
type claimRow struct {
	store.HostRow
	AtRisk tokens.Amount
}

// maintenanceForm is what was typed.
type maintenanceForm struct{ From, Hours string }

// formTime is how browsers send a moment typed into a form; the page says that it is UTC.
const formTime = "2006-01-02T15:04"

func (f maintenanceForm) parse() (from, until time.Time, err error) {
	if from, err = time.Parse(formTime, f.From); err != nil {
		return from, until, fail(http.StatusUnprocessableEntity, "maintenance", "Say when it begins, as year-month-day and hour:minute in UTC.")
	}
	hours, err := strconv.ParseUint(strings.TrimSpace(f.Hours), 10, 16)
	if err != nil || hours == 0 || hours > maxMaintenanceHours {
		return from, until, fail(http.StatusUnprocessableEntity, "maintenance", "Say for how many hours: a whole number from 1 to %d.", maxMaintenanceHours)
	}
	return from, from.Add(time.Duration(hours) * time.Hour), nil
}

// maxMaintenanceHours bounds the form; how much is allowed is a parameter.
const maxMaintenanceHours = 8784

func (s *site) pageNode(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.nodeView(r, nil)
}

func (s *site) nodeView(r *http.Request, form url.Values) (*view, error) {
	n, err := s.nodeInPath(r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	d := nodeData{P: s.Rules().Availability, Owner: n.Member == visitorOf(r).member.ID, Form: maintenanceForm{strings.ToValidUTF8(form.Get("from"), ""), strings.ToValidUTF8(form.Get("hours"), "")}}
	if d.N, err = s.Store.NodeRow(ctx, d.P, n.ID); err != nil {
		return nil, err
	}
	if d.Money, err = s.Store.NodeStanding(ctx, d.P, n.ID); err != nil {
		return nil, err
	}
	hosts, err := s.Store.NodeHosting(ctx, d.P, n.ID, nodeClaimRows)
	if err != nil {
		return nil, err
	}
	if d.Slashes, err = s.Store.NodeSlashes(ctx, n.ID, nodePenaltyRows); err != nil {
		return nil, err
	}
	if d.Forfeits, err = s.Store.NodeForfeits(ctx, n.ID, nodePenaltyRows); err != nil {
		return nil, err
	}
	if d.Maintenance, err = s.Hosting.Maintenance(ctx, n); err != nil {
		return nil, err
	}
	if d.Audits, err = s.auditsAt(r, nodePath(n.ID), n.ID); err != nil {
		return nil, err
	}
	if d.Owner {
		if d.Earned, err = s.nodeEarned(ctx, n); err != nil {
			return nil, err
		}
	}
	d.Left = time.Duration(d.Maintenance.LeftSeconds) * time.Second
	d.weigh(hosts, s.Now())
	return &view{name: "node", title: "Node " + d.N.Name, data: d}, nil
}

// weigh computes what the node stands to lose.
func (d *nodeData) weigh(hosts []store.HostRow, now time.Time) {
	st := d.N.Standing
	d.ActiveMs = d.N.SuspendedMs + d.P.RevetTime.Milliseconds()
	d.Scores = scoresOf(d.P, st, now)
	d.Away = (time.Duration(st.AbsentMs) * time.Millisecond).Truncate(time.Minute)
	d.Risks = []risk{
		{fmt.Sprintf("Each %s away without a word, after %s", span(d.P.OfflineWindow), span(d.P.OfflineGrace)), availability.NodeSlashAmount(d.N.Held, d.P.OfflinePPM)},
		{"Suspension", availability.NodeSlashAmount(d.N.Held, d.P.SuspendSlashPPM)},
	}
	for _, h := range hosts {
		row := claimRow{HostRow: h}
		if h.Live {
			row.AtRisk = availability.SlashAmount(d.P, availability.Stake{Held: d.N.Held, Torrent: h.Claim.Bytes, Claimed: d.N.Claimed}, h.Claim.Faults)
		}
		d.Claims = append(d.Claims, row)
	}
}

func (s *site) doMaintenance(w http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := s.nodeInPath(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if n.Member != visitorOf(r).member.ID {
		return nil, errOwner
	}
	from, until, err := maintenanceForm{r.PostForm.Get("from"), r.PostForm.Get("hours")}.parse()
	if err == nil {
		_, err = s.Hosting.DeclareMaintenance(r.Context(), n, from, until)
	}
	if err != nil {
		v, viewErr := s.nodeView(r, r.PostForm)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, nodePath(n.ID)+"#maintenance", http.StatusSeeOther)
	return nil, nil
}

var errOwner = fail(http.StatusForbidden, "owner_only", "Only the node's owner may do this.")
