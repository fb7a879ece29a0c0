package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// days reads what a person types as a number of days; what is none gives 0.
func days(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (s *site) doSponsor(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	again := func(r *http.Request, _ url.Values) (*view, error) { return s.torrentPage(r, t) }
	return s.moneyPage(w, r, again, func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err == nil {
			_, err = s.sponsor(r, o, t, amount, sponsorTime(days(form.Get("days")), day))
		}
		return "/torrents/" + t.InfoHash.String() + "#sponsors", err
	})
}

// doFree makes a torrent cost nothing for some days, or ends that.
func (s *site) doFree(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	var until time.Time
	if !r.PostForm.Has("end") {
		until = s.Now().Add(sponsorTime(days(r.PostForm.Get("days")), day))
	}
	if err := s.setFree(r, t, until); err != nil {
		v, viewErr := s.torrentPage(r, t)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String(), http.StatusSeeOther)
	return nil, nil
}
