package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// savedSearchView is a saved search in the API.
type savedSearchView struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Query     string    `json:"query" doc:"the catalogue's parameters, as behind the question mark of its address"`
	CreatedAt time.Time `json:"created_at"`
}

// savedSearchForm is a search to be kept.
type savedSearchForm struct {
	Name  string `json:"name" doc:"1 to 60 bytes; none of the member's others has it"`
	Query string `json:"query" doc:"the catalogue's parameters, such as category=video&max_price=2"`
}

// savedSearchPage lists saved searches. There are so few that one page has all.
type savedSearchPage struct {
	Searches []savedSearchView `json:"searches"`
	Next     string            `json:"next" doc:"empty: the list has no other pages"`
}

func savedSearch(x store.SavedSearch) savedSearchView {
	return savedSearchView{x.ID, x.Name, x.Query, utc(x.CreatedMs)}
}

func (s *site) apiSavedSearches(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.SavedSearches(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	out := savedSearchPage{Searches: []savedSearchView{}}
	for _, x := range list {
		out.Searches = append(out.Searches, savedSearch(x))
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiSaveSearch(w http.ResponseWriter, r *http.Request) error {
	var in savedSearchForm
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.saveSearch(r, in.Name, in.Query)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, savedSearch(x))
}

func (s *site) apiRemoveSearch(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	if err := s.Store.RemoveSearch(r.Context(), visitorOf(r).member.ID, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
