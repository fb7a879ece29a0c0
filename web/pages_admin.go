package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// vouchersData is the operators' page of vouchers.
type vouchersData struct {
	Batches  []voucherRow
	Form     voucherForm
	Batch    int64       // just made
	Codes    []rail.Code // of it: shown once
	MaxCount int
	MaxLabel int
}

// voucherRow is a batch with how many of its vouchers bring nothing any more.
type voucherRow struct {
	store.VoucherBatch
	Gone int
}

// voucherForm is what was typed.
type voucherForm struct{ Label, Amount, Count, Days string }

// maxVoucherDays bounds how far ahead the form lets vouchers expire.
const maxVoucherDays = 3650

func (f voucherForm) parse(now time.Time) (n store.NewVouchers, err error) {
	n.Label = strings.TrimSpace(f.Label)
	if n.Amount, err = parseAmount(f.Amount); err != nil {
		return n, err
	}
	if n.Count, err = strconv.Atoi(strings.TrimSpace(f.Count)); err != nil {
		return n, fail(http.StatusUnprocessableEntity, "range", "Say how many: a whole number from 1 to %d.", store.MaxVouchers)
	}
	if f.Days = strings.TrimSpace(f.Days); f.Days == "" {
		return n, nil
	}
	d := days(f.Days)
	if d < 1 || d > maxVoucherDays {
		return n, fail(http.StatusUnprocessableEntity, "range", "Vouchers can expire after 1 to %d days; leave it empty if they never do.", maxVoucherDays)
	}
	n.Expires = now.Add(time.Duration(d) * day)
	return n, nil
}

func (s *site) vouchersView(r *http.Request, f voucherForm) (*view, error) {
	d := &vouchersData{Form: f, MaxCount: store.MaxVouchers, MaxLabel: store.MaxVoucherLabel}
	list, err := s.Store.VoucherBatches(r.Context(), adminRows)
	for _, b := range list {
		d.Batches = append(d.Batches, voucherRow{b, b.Used + b.Revoked})
	}
	return &view{name: "admin-vouchers", title: "Vouchers", data: d}, err
}

func (s *site) pageVouchers(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.vouchersView(r, voucherForm{})
}

func (s *site) doAddVouchers(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := voucherForm{r.PostForm.Get("label"), r.PostForm.Get("amount"), r.PostForm.Get("count"), r.PostForm.Get("days")}
	n, err := f.parse(s.Now())
	var batch int64
	var codes []rail.Code
	if err == nil {
		batch, codes, err = s.addVouchers(r, n)
	}
	v, viewErr := s.vouchersView(r, f)
	if viewErr != nil {
		return nil, viewErr
	}
	if err != nil {
		return s.again(r, v, err)
	}
	d := v.data.(*vouchersData)
	d.Form, d.Batch, d.Codes = voucherForm{}, batch, codes
	v.status = http.StatusCreated
	return v, nil
}

func (s *site) doRevokeBatch(w http.ResponseWriter, r *http.Request) (*view, error) {
	batch, err := numberInPath(r, "batch")
	if err != nil {
		return nil, err
	}
	_, err = s.Store.RevokeVouchers(r.Context(), visitorOf(r).member.ID, batch)
	return s.backToVouchers(w, r, err)
}

func (s *site) doRevokeVoucher(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	return s.backToVouchers(w, r, s.Store.RevokeVoucher(r.Context(), visitorOf(r).member.ID, r.PostForm.Get("code")))
}

func (s *site) backToVouchers(w http.ResponseWriter, r *http.Request, err error) (*view, error) {
	if err == nil {
		http.Redirect(w, r, "/admin/vouchers", http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.vouchersView(r, voucherForm{})
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}

// slashRow is a penalty with what can be done about it.
type slashRow struct {
	store.Slash
	Open bool
}

func (s *site) adminSlashes(r *http.Request) (*view, error) {
	list, err := s.Store.Slashes(r.Context(), 0, adminRows)
	if err != nil {
		return nil, err
	}
	var rows []slashRow
	for _, x := range list {
		rows = append(rows, slashRow{x, x.ClosedMs == 0 && s.Now().UnixMilli() < x.DueMs})
	}
	return &view{name: "admin-slashes", title: "Penalties", data: map[string]any{"Slashes": rows}}, nil
}

func (s *site) pageSlashes(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminSlashes(r)
}

func (s *site) doReturnSlash(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if _, err := s.returnSlash(r, id, r.PostForm.Get("reason")); err != nil {
		v, viewErr := s.adminSlashes(r)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/admin/slashes", http.StatusSeeOther)
	return nil, nil
}
