package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

const (
	day     = 24 * time.Hour
	maxFree = 365 * day // of freeleech at once
)

// sponsorView is a running sponsorship of a torrent.
type sponsorView struct {
	ID      int64     `json:"id"`
	Sponsor string    `json:"sponsor" doc:"a member's name, or treasury"`
	Budget  Utok      `json:"budget_utok"`
	Left    Utok      `json:"left_utok"`
	StartAt time.Time `json:"start_at"`
	EndAt   time.Time `json:"end_at"`
}

func (s *site) sponsors(r *http.Request, t store.Torrent) ([]sponsorView, error) {
	list, err := s.Store.Sponsors(r.Context(), t.ID)
	if err != nil {
		return nil, err
	}
	out := []sponsorView{}
	for _, p := range list {
		name := "treasury"
		if p.Member != 0 {
			m, err := s.Store.Member(r.Context(), p.Member)
			if err != nil {
				return nil, err
			}
			name = m.Name
		}
		out = append(out, sponsorView{p.ID, name, Utok(p.Budget), Utok(p.Left), utc(p.StartMs), utc(p.EndMs)})
	}
	return out, nil
}

// sponsorBody pays others' downloads of a torrent.
type sponsorBody struct {
	Amount Utok  `json:"amount_utok"`
	Hours  int64 `json:"hours" doc:"for how long; what is left then comes back"`
}

// sponsoredView is a sponsorship that began.
type sponsoredView struct {
	movedAnswer
	Sponsor sponsorView `json:"sponsor"`
}

func (s *site) apiSponsor(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	var in sponsorBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	amount, err := positive(in.Amount, "amount_utok")
	if err != nil {
		return err
	}
	sp, err := s.sponsor(r, o, t, amount, sponsorTime(in.Hours, time.Hour))
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, sponsoredView{movedView(sp.Moved),
		sponsorView{sp.ID, visitorOf(r).member.Name, Utok(sp.Budget), Utok(sp.Left), utc(sp.StartMs), utc(sp.EndMs)}})
}

func (s *site) sponsor(r *http.Request, o store.Once, t store.Torrent, amount tokens.Amount, d time.Duration) (store.Sponsored, error) {
	return s.Store.Sponsor(r.Context(), o, t.ID, amount, d)
}

// sponsorTime is a time of so many units; what is out of all bounds stays out of them.
func sponsorTime(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(2*store.MaxSponsor/unit))) * unit
}

// freeBody makes a torrent cost nothing.
type freeBody struct {
	Until *time.Time `json:"until" doc:"at most 365 days from now; null: it costs again"`
}

// freeUntilView says until when a torrent costs nothing.
type freeUntilView struct {
	InfoHash  string     `json:"infohash"`
	FreeUntil *time.Time `json:"free_until" doc:"null: it costs"`
}

func (s *site) apiFree(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	var in freeBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	var until time.Time
	if in.Until != nil {
		until = *in.Until
	}
	if err := s.setFree(r, t, until); err != nil {
		return err
	}
	return answer(w, http.StatusOK, freeUntilView{t.InfoHash.String(), in.Until})
}

// setFree makes a torrent cost nothing until a time, or ends that with the zero time, and tells
// the announce path.
func (s *site) setFree(r *http.Request, t store.Torrent, until time.Time) error {
	if now := s.Now(); !until.IsZero() && (!until.After(now) || until.After(now.Add(maxFree))) {
		return fail(http.StatusUnprocessableEntity, "until", "A torrent can be free until a time to come, at most %d days from now.", int(maxFree/day))
	}
	m := visitorOf(r).member
	if err := s.Store.SetFree(r.Context(), t.ID, until, m.ID); err != nil {
		return err
	}
	s.Log.Info("freeleech set", "infohash", t.InfoHash.String(), "until", until, "by", m.ID)
	return s.Roster.TorrentAdded(r.Context(), t.ID)
}
