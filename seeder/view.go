package seeder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// States of a torrent in a view.
const (
	stateVerifying   = "verifying"
	stateDownloading = "downloading"
	stateSeeding     = "seeding"
	stateDamaged     = "damaged"
	stateMissing     = "missing"
	stateLeaving     = "leaving"
	statePaused      = "paused"
)

// claimProven is the state of a claim that is paid.
const claimProven = "proven"

// View is everything there is to see of this node now. It asks nobody: what the server said is as old
// as the last answer.
func (d *Daemon) View(context.Context) dashboard.View {
	now, s := d.now(), d.settings()
	v := dashboard.View{At: now, Node: dashboard.Node{ID: d.node.NodeID, Name: d.node.Name, Member: d.node.Member, Server: d.node.Server, Version: engine.ClientVersion},
		Traffic: d.traffic(s, now), Torrents: d.viewTorrents(s, now), Plan: d.viewPlan(), Space: d.space(s)}
	v.Forecast = d.viewForecast(expectedNow(v.Torrents))
	k := &d.known
	k.mu.Lock()
	defer k.mu.Unlock()
	v.Server = dashboard.Server{Reached: k.reached, Since: k.since, Problem: k.problem}
	if k.status != nil {
		addServer(&v, *k.status, *k.earnings, k.audits)
	}
	v.Health = d.health(v, k, s)
	v.Node.State = d.state(v, s, now)
	v.Earning, v.Headline, v.Do = headline(v)
	return v
}

// state is what the node does as a whole.
func (d *Daemon) state(v dashboard.View, s Settings, now time.Time) string {
	switch {
	case d.verifying.Load():
		return stateVerifying
	case v.Audits.Suspended:
		return "suspended"
	case s.paused(now):
		return statePaused
	default:
		return "running"
	}
}

func (d *Daemon) traffic(s Settings, now time.Time) dashboard.Traffic {
	l := limitsAt(s, now.Local())
	t := dashboard.Traffic{UpLimit: bt.Bytes(l.upload), DownLimit: bt.Bytes(l.download), Paused: s.paused(now), AccessList: *s.Courtesy != engine.NoAccessList}
	if t.Paused && !s.PausedUntil.IsZero() {
		t.PausedUntil = &s.PausedUntil
	}
	t.UpRate, t.DownRate = d.eng.Rates()
	for _, c := range d.eng.Conns() {
		t.Connections++
		if c.Granted {
			t.Granted++
		}
	}
	return t
}

func (d *Daemon) viewTorrents(s Settings, now time.Time) []dashboard.Torrent {
	out := []dashboard.Torrent{}
	for _, h := range d.snapshot() {
		if !h.lost.Load() {
			out = append(out, h.view(s.paused(now)))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for ih, a := range d.away {
		if h := d.hosted[ih]; h == nil || h.lost.Load() {
			out = append(out, dashboard.Torrent{InfoHash: ih.String(), Name: a.file.Name, Size: a.file.Size, State: stateMissing, Folder: a.rec.Dir,
				Why: string(a.rec.Why), Since: a.rec.Since, Rate: a.reason + "; to fetch it again: swarmseed torrents add " + ih.String()})
		}
	}
	for i, t := range out {
		ih, _ := bt.ParseInfoHash(t.InfoHash)
		out[i].Refused, out[i].Expected = cmp.Or(t.Refused, d.refused[t.InfoHash]), d.planner.perDay(ih, t.Expected)
	}
	slices.SortFunc(out, func(a, b dashboard.Torrent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.InfoHash, b.InfoHash))
	})
	return out
}

func (h *hosted) view(paused bool) dashboard.Torrent {
	r := h.rec.get()
	v := dashboard.Torrent{InfoHash: h.file.InfoHash.String(), Name: h.file.Name, Size: h.file.Size, Folder: h.folder(), Why: string(cmp.Or(r.Why, choose.Pinned)),
		Since: r.Since, Expected: r.Expected, Scrubbed: r.Scrub.Done, State: stateVerifying, Have: bt.Bytes(h.checked.Load())}
	if text := h.failure.Load(); text != nil {
		v.Refused = *text
	}
	if err := h.diskErr.Load(); err != nil {
		v.Refused = (*err).Error()
	}
	t := h.torrent()
	if t == nil {
		return v
	}
	st := t.Stats()
	v.Have, v.Peers, v.Uploaded = st.Size-st.Left, st.Peers, st.Uploaded
	switch {
	case h.isLeaving():
		v.State = stateLeaving
	case paused:
		v.State = statePaused
	case st.Complete:
		v.State = stateSeeding
	case r.Whole, r.Import, h.shares.Load():
		v.State = stateDamaged
		v.Refused = cmp.Or(v.Refused, h.whyPartial(r))
	default:
		v.State = stateDownloading
	}
	return v
}

// whyPartial says why what is missing of a torrent is not fetched; empty: it is.
func (h *hosted) whyPartial(r Record) string {
	switch {
	case h.shares.Load():
		return "another torrent uses the same files and has other data in them: nothing is fetched into them"
	case h.worn(r):
		return "its data went bad again and again, and is not fetched any more by itself; look at the disk"
	case r.Import:
		return "some of the data that was found is not as it should be, and is left alone; put the right files there"
	default:
		return ""
	}
}

// addServer adds what the server said.
func addServer(v *dashboard.View, st NodeStatus, e Earnings, audits []AuditLine) {
	v.Symbol = e.Symbol
	v.Cards = &dashboard.Cards{Today: utok(e.Today), Pending: utok(e.Pending), Held: utok(e.Held), Available: utok(e.Available)}
	for _, day := range e.Days {
		v.Days = append(v.Days, dashboard.Day{Date: day.Date, Upload: utok(day.Upload), Hosting: utok(day.Hosting), Hot: utok(day.Hot),
			Sponsors: utok(day.Sponsors), Slashed: utok(day.Slashed), Spent: utok(day.Spent)})
	}
	for _, l := range e.Lines {
		v.Lines = append(v.Lines, dashboard.Line{At: l.At, Words: l.Words, Amount: utok(l.Amount), URL: l.URL})
	}
	v.Audits = dashboard.Audits{Passed: st.Audits.Passed, Failed: st.Audits.Failed, Late: st.Audits.Late, ScorePPM: st.AuditScore, OnlinePPM: st.OnlineScore,
		SuspendPPM: st.SuspendPPM, SuspendAudits: st.SuspendAudits, Suspended: st.State == "suspended", FirstWithinSecs: st.EntrySeconds}
	for _, a := range audits {
		v.Audits.Recent = append(v.Audits.Recent, dashboard.Audit{At: a.At, Torrent: cmp.Or(a.Name, a.InfoHash), Kind: a.Kind, Verdict: a.Verdict, Asked: a.Asked,
			Elapsed: time.Duration(a.Elapsed) * time.Millisecond, Penalty: utok(a.Penalty), URL: a.URL})
	}
	claims, earned := map[string]ClaimStatus{}, map[string]EarningsTorrent{}
	for _, c := range st.Claims {
		claims[c.InfoHash] = c
	}
	for _, t := range e.Torrents {
		earned[t.InfoHash] = t
	}
	for i := range v.Torrents {
		t := &v.Torrents[i]
		t.Claim = claims[t.InfoHash].State
		if x, ok := earned[t.InfoHash]; ok {
			t.DayHosting, t.DayUpload, t.Rate = utok(x.Day), utok(x.DayUpload), cmp.Or(t.Rate, x.Why)
		}
	}
}

func (d *Daemon) viewPlan() *dashboard.Plan {
	plan, at, problem := d.planner.latest()
	if at.IsZero() && problem == "" {
		return nil
	}
	out := &dashboard.Plan{At: at, Lines: []dashboard.Planned{}}
	for _, part := range []struct {
		what string
		list []choose.Choice
	}{{"add", plan.Add}, {"drop", plan.Drop}, {"keep", plan.Keep}, {"pass", plan.Passed}} {
		for _, c := range part.list {
			out.Lines = append(out.Lines, dashboard.Planned{What: part.what, InfoHash: c.InfoHash.String(), Name: c.Name, Size: c.Size, Why: c.Words, PerDay: c.PerDay(), Cost: c.Cost})
		}
	}
	return out
}

// headline says in one sentence whether the node earns, and what to do if not. The first thing that is in
// the way comes first.
func headline(v dashboard.View) (earning bool, text, do string) {
	proven, waiting := 0, 0
	for _, t := range v.Torrents {
		switch {
		case t.Claim == claimProven && t.State != stateMissing:
			proven++
		case t.State == stateSeeding || t.State == stateDownloading || t.State == stateVerifying:
			waiting++
		}
	}
	switch {
	case v.Node.State == "suspended":
		return false, "Not earning: the node is suspended for failed audits.", "Look at the failed audits below and mend the disk; audits go on, and the node is active again after enough passed ones."
	case v.Node.State == statePaused:
		return false, "Not earning: the node is paused.", "Run: swarmseed resume"
	case len(v.Torrents) == 0:
		return false, "Not earning: nothing is hosted yet.", "Choose with: swarmseed torrents add INFOHASH, or let the node choose: swarmseed config auto on"
	case proven > 0 && !v.Server.Reached:
		return true, fmt.Sprintf("%s, but the server is not reached since %s; seeding goes on.", provenWords(proven), v.Server.Since.Local().Format(timeOfDay)), ""
	case proven > 0:
		return true, "Earning: " + provenWords(proven) + ".", ""
	case v.Node.State == stateVerifying:
		return false, "Not earning yet: the data on disk is being verified.", ""
	case !v.Server.Reached:
		return false, "Not earning: the server is not reached: " + cmp.Or(v.Server.Problem, "no answer yet") + ".", "It is tried again by itself; run: swarmseed doctor"
	case waiting > 0:
		do = refusal(v)
		return false, "Not earning yet: no torrent is proven" + firstAudit(v) + ".", do
	default:
		return false, "Not earning: no torrent can be served.", "Look at the torrents below."
	}
}

const timeOfDay = "15:04"

func provenWords(n int) string {
	if n == 1 {
		return "1 torrent is proven"
	}
	return fmt.Sprintf("%d torrents are proven", n)
}

// refusal is what the server has against a torrent.
func refusal(v dashboard.View) string {
	for _, t := range v.Torrents {
		if t.Refused != "" {
			return "The server says of " + t.Name + ": " + t.Refused
		}
	}
	return ""
}

func firstAudit(v dashboard.View) string {
	if s := v.Audits.FirstWithinSecs; s > 0 {
		return fmt.Sprintf("; what is complete is audited within %s of its first report", time.Duration(s)*time.Second)
	}
	return ""
}

// expectedNow is what everything hosted is expected to earn in a day.
func expectedNow(ts []dashboard.Torrent) (sum tokens.Amount) {
	for _, t := range ts {
		sum += t.Expected
	}
	return sum
}
