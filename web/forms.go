package web

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// moneyForm reads a form that moves money: its key and what it asks.
func (s *site) moneyForm(r *http.Request) (store.Once, url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return store.Once{}, nil, badForm(err)
	}
	key := r.PostForm.Get("key")
	if key == "" || len(key) > maxKey {
		return store.Once{}, nil, fail(http.StatusBadRequest, "idempotency_key", "The form is incomplete; load the page again.")
	}
	form := url.Values{}
	for name, v := range r.PostForm {
		if name != "key" {
			form[name] = v
		}
	}
	return onceFor(r, key, []byte(form.Encode())), form, s.mayMove(r)
}

// mayMove bounds how often a member moves money: each time is a row that is kept for ever.
func (s *site) mayMove(r *http.Request) error {
	return s.limit(s.moves, fmt.Sprint(visitorOf(r).member.ID))
}

// act is what a form asks for, and the page to go to afterwards; empty: the caller shows one.
type act func(o store.Once, form url.Values) (next string, err error)

// moneyPage runs a form that moves money and goes on, or shows its page again with what was wrong.
func (s *site) moneyPage(w http.ResponseWriter, r *http.Request, again func(*http.Request, url.Values) (*view, error), do act) (*view, error) {
	o, form, err := s.moneyForm(r)
	if err != nil {
		return nil, err
	}
	next, err := do(o, form)
	if err == nil && next == "" {
		return nil, nil
	}
	if err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := again(r, form)
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}

// amountForm is an act on the amount that the form names.
func amountForm(next string, do func(store.Once, tokens.Amount) error) act {
	return func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err != nil {
			return "", err
		}
		return next, do(o, amount)
	}
}
