package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// Utok is an amount in the smallest unit, a decimal string in JSON: 64-bit integers do not survive
// JavaScript.
type Utok tokens.Amount

// MarshalText implements encoding.TextMarshaler.
func (u Utok) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(u), 10), nil }

// OpenAPI implements openapi.Typer.
func (u Utok) OpenAPI() openapi.Schema { return openapi.Amount("") }

// UnmarshalText implements encoding.TextUnmarshaler; it takes what MarshalText gives.
func (u *Utok) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	*u = Utok(n)
	return err
}

// positive checks an amount that a client names.
func positive(u Utok, field string) (tokens.Amount, error) {
	if u <= 0 || tokens.Amount(u) > tokens.MaxAmount {
		return 0, fail(http.StatusUnprocessableEntity, "amount", "%s must be a whole number of the smallest unit, as a string, from 1 to %d.", field, int64(tokens.MaxAmount))
	}
	return tokens.Amount(u), nil
}

// readJSON reads the body into v and returns its bytes. Unknown fields and trailing data are
// refused: a misspelt field must not be a default.
func readJSON(r *http.Request, v any) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, fail(http.StatusBadRequest, "json", "The body is not the JSON object expected here: %v.", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fail(http.StatusBadRequest, "json", "The body goes on after its JSON object.")
	}
	return body, nil
}

// listed is a list that JSON has as one, even if there is nothing in it.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func utc(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func utcOrNil(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := utc(ms)
	return &t
}

func (s *site) discovery(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"name":                    s.Name,
		"announce_base":           s.BaseURL + "/announce",
		"api_base":                s.BaseURL + "/api/v1",
		"symbol":                  s.Rules().Economy.Symbol,
		"epoch_seconds":           int(s.Rules().EpochLength.Seconds()),
		"report_interval_seconds": int(s.ReportInterval.Seconds()),
		"price_rule":              s.priceRule(),
		"seed_commitments":        s.commitments(r),
		"public_keys":             s.PublicKeys,
	})
}

// joinBody is what somebody joins with.
type joinBody struct {
	credentials
	Invite string `json:"invite,omitempty" doc:"code of an invitation; where registration is open, none is needed"`
}

// joinedView is a new member.
type joinedView struct {
	Member   string      `json:"member"`
	MemberID bt.MemberID `json:"member_id"`
	APIToken string      `json:"api_token" doc:"shown once; it may do everything, for a year"`
}

func (s *site) apiJoin(w http.ResponseWriter, r *http.Request) error {
	var in joinBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	m, err := s.join(r, in.credentials, in.Invite)
	if err != nil {
		return err
	}
	token, err := s.newToken(r, m.ID, "registration")
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, joinedView{m.Name, m.ID, token})
}

func (s *site) newToken(r *http.Request, m bt.MemberID, label string) (string, error) {
	secret := tokenPrefix + s.secret()
	return secret, s.Store.AddAPIToken(r.Context(), store.APIToken{Member: m, Label: label, Secret: secret, TTL: tokenTTL})
}

// signInBody is what somebody signs in with.
type signInBody struct {
	credentials
	Code string `json:"code,omitempty" doc:"of the authenticator, or a recovery code, from whoever has one"`
}

// apiSignIn takes a code beside the password from whoever has an authenticator.
func (s *site) apiSignIn(w http.ResponseWriter, r *http.Request) error {
	var in signInBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	m, err := s.signIn(r, in.credentials)
	if err != nil {
		return err
	}
	if err := s.secondFactor(r, m, in.Code, false); err != nil {
		return err
	}
	if err := s.startSession(w, r, m); err != nil {
		return err
	}
	return answer(w, http.StatusCreated, sessionView(m))
}

// sessionAnswer is who is signed in.
type sessionAnswer struct {
	Member   string      `json:"member"`
	MemberID bt.MemberID `json:"member_id"`
	Operator bool        `json:"operator"`
}

func sessionView(m store.Member) sessionAnswer { return sessionAnswer{m.Name, m.ID, m.Operator} }

func (s *site) apiSession(w http.ResponseWriter, r *http.Request) error {
	return answer(w, http.StatusOK, sessionView(*visitorOf(r).member))
}

func (s *site) apiSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSession(w, r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const maxLabel = 60

// tokenBody is a token to be made.
type tokenBody struct {
	Label string      `json:"label" doc:"by which its owner knows it again, at most 60 bytes"`
	Scope store.Scope `json:"scope,omitempty" enum:"read,trade,full" doc:"what it may do; absent: full"`
	Days  int         `json:"days,omitempty" doc:"that it lasts, at most 365; absent: so long"`
}

// tokenView is a token that was made.
type tokenView struct {
	APIToken  string      `json:"api_token" doc:"shown once"`
	Label     string      `json:"label"`
	Scope     store.Scope `json:"scope" enum:"read,trade,full"`
	ExpiresAt time.Time   `json:"expires_at"`
}

func (s *site) apiToken(w http.ResponseWriter, r *http.Request) error {
	in := tokenBody{Scope: store.ScopeFull, Days: maxTokenDays}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	token, err := s.addToken(r, tokenForm{Label: in.Label, Scope: string(in.Scope), Days: strconv.Itoa(in.Days)})
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, tokenView{token, in.Label, in.Scope, s.Now().Add(time.Duration(in.Days) * 24 * time.Hour).UTC().Truncate(time.Second)})
}

// parseCursor reads "key.id", or "key.id.before", as formatCursor writes it; the empty string is the top.
func parseCursor(text string) (store.Cursor, error) {
	if text == "" {
		return store.Cursor{}, nil
	}
	key, rest, _ := strings.Cut(text, ".")
	id, before, bounded := strings.Cut(rest, ".")
	c := store.Cursor{Set: true}
	var errs [3]error
	c.Key, errs[0] = strconv.ParseInt(key, 10, 64)
	c.ID, errs[1] = strconv.ParseInt(id, 10, 64)
	if bounded {
		c.Before, errs[2] = strconv.ParseInt(before, 10, 64)
	}
	if errors.Join(errs[:]...) != nil {
		return store.Cursor{}, errCursor
	}
	return c, nil
}

var errCursor = fail(http.StatusBadRequest, "cursor", "The cursor is not one that this list gave; begin at the top.")

func formatCursor(c store.Cursor) string {
	if !c.Set {
		return ""
	}
	text := strconv.FormatInt(c.Key, 10) + "." + strconv.FormatInt(c.ID, 10)
	if c.Before > 0 {
		text += "." + strconv.FormatInt(c.Before, 10)
	}
	return text
}
