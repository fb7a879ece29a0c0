package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// correctionsData is the operators' page of corrections.
type correctionsData struct {
	Form    correctionForm
	Preview *correctionPreview
	Waiting []store.OperatorCorrection // for a second operator, those first that soon expire
	Me      bt.MemberID
	List    []store.OperatorCorrection
	State   store.CorrectionState // of those listed; empty: all
	States  []store.CorrectionState
	More    string
	Limits  correctionLimits
	Assets  []string
}

// correctionPreview is what a correction would come to, with what the accounts have afterwards.
type correctionPreview struct {
	store.CorrectionPreview
	FromLeft, ToThen tokens.Amount
}

// correctionLimits are what one operator may correct alone in a day.
type correctionLimits struct{ Token, Quote, Byte tokens.Amount }

// correctionForm is what was typed.
type correctionForm struct{ Asset, From, To, Amount, Reason string }

func typedCorrection(form url.Values) correctionForm {
	get := func(name string) string { return shownAgain(strings.TrimSpace(form.Get(name))) }
	f := correctionForm{get("asset"), get("from"), get("to"), get("amount"), get("reason")}
	if f.Asset == "" {
		f.Asset = string(tokens.Token)
	}
	return f
}

func (f correctionForm) order() (o store.CorrectionOrder, err error) {
	o = store.CorrectionOrder{Asset: tokens.Asset(f.Asset), From: tokens.Account(f.From), To: tokens.Account(f.To)}
	switch o.Asset {
	case tokens.Token, tokens.Quote, tokens.Byte:
	default:
		return o, fail(http.StatusUnprocessableEntity, "asset", "asset is token, quote or byte.")
	}
	if o.Amount, err = assetAmount(o.Asset, f.Amount); err != nil || o.Amount <= 0 {
		return o, fail(http.StatusUnprocessableEntity, "amount", "%s", wantedAmount(o.Asset))
	}
	o.Reason, err = treasuryReason(f.Reason)
	return o, err
}

func (s *site) correctionsView(r *http.Request, f correctionForm) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	d := &correctionsData{Form: f, Me: visitorOf(r).member.ID, State: store.CorrectionState(r.URL.Query().Get("state")), Assets: assetNames(),
		States: []store.CorrectionState{store.CorrectionProposed, store.CorrectionMade, store.CorrectionRefused, store.CorrectionWithdrawn, store.CorrectionExpired},
		Limits: correctionLimits{s.Rules().Economy.CorrectionLimit, store.CorrectionLimitQuote, store.CorrectionLimitBytes}}
	if d.State != "" && !d.State.Valid() {
		d.State = ""
	}
	if d.Waiting, err = s.waitingCorrections(r); err != nil {
		return nil, err
	}
	list, next, err := s.Store.OperatorCorrections(r.Context(), d.State, before, treasuryRows)
	if err != nil {
		return nil, err
	}
	d.List, d.More = list, withCursor("/admin/corrections", url.Values{"state": {string(d.State)}}, "cursor", formatBefore(next))
	return &view{name: "admin-corrections", title: "Corrections", data: d}, nil
}

// waitingCorrections are the proposals that can still be decided about, those first that soon expire.
func (s *site) waitingCorrections(r *http.Request) ([]store.OperatorCorrection, error) {
	list, _, err := s.Store.OperatorCorrections(r.Context(), store.CorrectionProposed, 0, store.MaxProposals)
	now := s.Now().UnixMilli()
	list = slices.DeleteFunc(list, func(c store.OperatorCorrection) bool { return now >= c.DueMs })
	slices.Reverse(list)
	return list, err
}

// pageCorrections lists corrections. With what one would be in the address it shows what that would come to: nothing
// happens before it is sent.
func (s *site) pageCorrections(_ http.ResponseWriter, r *http.Request) (*view, error) {
	form := r.URL.Query()
	f := typedCorrection(form)
	v, err := s.correctionsView(r, f)
	if err != nil || form.Get("check") == "" {
		return v, err
	}
	o, err := f.order()
	if err == nil {
		var p store.CorrectionPreview
		p, err = s.previewCorrection(r, o)
		v.data.(*correctionsData).Preview = &correctionPreview{p, p.FromHas - p.Amount, p.ToHas + p.Amount}
	}
	if err != nil {
		v.data.(*correctionsData).Preview = nil
		return s.again(r, v, err)
	}
	return v, nil
}

// previewCorrection says what a correction would come to; the page and the API share it.
func (s *site) previewCorrection(r *http.Request, o store.CorrectionOrder) (store.CorrectionPreview, error) {
	p, err := s.Store.PreviewCorrection(r.Context(), visitorOf(r).member.ID, o)
	return p, byteShort(err)
}

// byteShort says in bytes what is missing of them.
func byteShort(err error) error {
	var funds *store.FundsError
	if errors.As(err, &funds) && funds.Asset == tokens.Byte {
		return fail(http.StatusConflict, "insufficient_funds", "Not enough: %d bytes needed, %d there.", int64(funds.Need), int64(funds.Have))
	}
	return err
}

// proposeCorrection makes or proposes a correction; the page and the API share it.
func (s *site) proposeCorrection(r *http.Request, once store.Once, o store.CorrectionOrder) (store.OperatorCorrection, error) {
	c, err := s.Store.ProposeCorrection(r.Context(), once, o)
	if err == nil {
		s.Log.Info("a correction of the ledger", "correction", c.ID, "state", c.State, "transfer", c.Transfer, "by", once.Member)
	}
	return c, byteShort(err)
}

// approveCorrection makes a proposed correction; the page and the API share it.
func (s *site) approveCorrection(r *http.Request, once store.Once, id int64) (store.OperatorCorrection, error) {
	c, err := s.Store.ApproveCorrection(r.Context(), once, id)
	if err == nil {
		s.Log.Info("a correction of the ledger was approved", "correction", c.ID, "transfer", c.Transfer, "proposed_by", c.By, "by", once.Member)
	}
	return c, byteShort(err)
}

func (s *site) doPropose(w http.ResponseWriter, r *http.Request) (*view, error) {
	again := func(r *http.Request, form url.Values) (*view, error) {
		return s.correctionsView(r, typedCorrection(form))
	}
	return s.moneyPage(w, r, again, func(once store.Once, form url.Values) (string, error) {
		o, err := typedCorrection(form).order()
		if err != nil {
			return "", err
		}
		c, err := s.proposeCorrection(r, once, o)
		return correctionPath(c.ID), err
	})
}

func correctionPath(id int64) string { return "/admin/corrections/" + strconv.FormatInt(id, 10) }

// correctionData is the page of one correction.
type correctionData struct {
	store.OperatorCorrection
	Open  bool // it waits for an operator
	Mine  bool // the visitor proposed it
	Typed string
}

func (s *site) pageCorrection(_ http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	return s.correctionView(r, id, "")
}

func (s *site) correctionView(r *http.Request, id int64, typed string) (*view, error) {
	c, err := s.Store.OperatorCorrection(r.Context(), id)
	if err != nil {
		return nil, err
	}
	d := correctionData{c, c.State == store.CorrectionProposed && s.Now().UnixMilli() < c.DueMs, c.By == visitorOf(r).member.ID, shownAgain(typed)}
	return &view{name: "admin-corrections-one", title: "Correction " + strconv.FormatInt(id, 10), data: d}, nil
}

func (s *site) doApproveCorrection(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	again := func(r *http.Request, _ url.Values) (*view, error) { return s.correctionView(r, id, "") }
	return s.moneyPage(w, r, again, func(once store.Once, _ url.Values) (string, error) {
		_, err := s.approveCorrection(r, once, id)
		return correctionPath(id), err
	})
}

// refuseCorrection ends a proposal of somebody else; the page and the API share it.
func (s *site) refuseCorrection(r *http.Request, id int64, reason string) (c store.OperatorCorrection, err error) {
	if reason, err = treasuryReason(reason); err != nil {
		return c, err
	}
	return s.Store.RefuseCorrection(r.Context(), visitorOf(r).member.ID, id, reason)
}

func (s *site) doRefuseCorrection(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.endCorrection(w, r, func(id int64) error {
		_, err := s.refuseCorrection(r, id, r.PostForm.Get("reason"))
		return err
	})
}

func (s *site) doWithdrawCorrection(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.endCorrection(w, r, func(id int64) error {
		_, err := s.Store.WithdrawCorrection(r.Context(), visitorOf(r).member.ID, id)
		return err
	})
}

// endCorrection runs a form that ends a proposal, and shows it again with what was wrong.
func (s *site) endCorrection(w http.ResponseWriter, r *http.Request, end func(id int64) error) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err = end(id); err == nil {
		http.Redirect(w, r, correctionPath(id), http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.correctionView(r, id, r.PostForm.Get("reason"))
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}
