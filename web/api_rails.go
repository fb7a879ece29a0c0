package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// withdrawalRows is how many withdrawals are shown.
const withdrawalRows = 100

// rails lists the ways to pay in and out; the faucet is one in development only, and the last.
func (s *site) rails() []string {
	names := slices.DeleteFunc(s.Store.Rails(), func(name string) bool { return name == store.RailFaucet })
	if s.Dev {
		names = append(names, store.RailFaucet)
	}
	return names
}

// onRail reports rail.ErrUnknown for a rail that is not offered.
func (s *site) onRail(name string) error {
	if !slices.Contains(s.rails(), name) {
		return fmt.Errorf("%.40q: %w", name, rail.ErrUnknown)
	}
	return nil
}

// depositBody is a payment in.
type depositBody struct {
	Rail   string `json:"rail" doc:"one of those that GET /withdrawals lists"`
	Amount Utok   `json:"amount_quote,omitempty" doc:"for rails that do not know it themselves"`
	Code   string `json:"code,omitempty" doc:"the evidence, such as a voucher's code"`
}

// depositedView is quote that came in.
type depositedView struct {
	movedAnswer
	Amount Utok `json:"amount_quote"`
}

func (s *site) apiDeposit(w http.ResponseWriter, r *http.Request) error {
	var in depositBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	e := rail.Evidence{Code: in.Code, Amount: tokens.Amount(in.Amount)}
	if in.Amount != 0 || in.Rail == store.RailFaucet {
		if e.Amount, err = positive(in.Amount, "amount_quote"); err != nil {
			return err
		}
	}
	done, err := s.deposit(r, o, in.Rail, e)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, depositedView{movedView(done.Moved), Utok(done.Amount)})
}

// deposit takes quote in. Wrong evidence uses up attempts of the member and of the network; right
// evidence gives its attempt back.
func (s *site) deposit(r *http.Request, o store.Once, name string, e rail.Evidence) (store.Deposited, error) {
	if err := s.onRail(name); err != nil {
		return store.Deposited{}, err
	}
	back, err := s.attempt(r, o)
	if err != nil {
		return store.Deposited{}, err
	}
	done, err := s.Store.Deposit(r.Context(), o, name, e)
	if !errors.Is(err, rail.ErrVoucher) {
		back()
	}
	if errors.Is(err, tokens.ErrConflict) {
		err = fail(http.StatusConflict, "credited", "This payment was credited already, to another account or in another amount.")
	}
	return done, err
}

// attempt takes one of the attempts to guess a voucher's code; back returns it.
func (s *site) attempt(r *http.Request, o store.Once) (back func(), err error) {
	if s.Dev {
		return func() {}, nil
	}
	member, err := s.codes.take(fmt.Sprintf("member %d", o.Member), s.Now())
	if err != nil {
		return nil, err
	}
	network, err := s.codes.take("from "+s.network(r), s.Now())
	if err != nil {
		member()
		return nil, err
	}
	return func() { member(); network() }, nil
}

// withdrawalView is quote on its way out. Code is shown in the first answer only.
type withdrawalView struct {
	ID        int64      `json:"id"`
	Rail      string     `json:"rail"`
	To        string     `json:"to,omitempty"`
	Amount    Utok       `json:"amount_quote"`
	State     rail.State `json:"state"`
	Reference string     `json:"reference,omitempty" doc:"of the payment, where the rail has one"`
	Why       string     `json:"why,omitempty" doc:"it was returned"`
	CreatedAt time.Time  `json:"created_at"`
	ChangedAt time.Time  `json:"changed_at"`
}

func newWithdrawalView(w rail.Withdrawal) withdrawalView {
	return withdrawalView{w.ID, w.Rail, w.To, Utok(w.Amount), w.State, w.Reference, w.Why, utc(w.CreatedMs), utc(w.ChangedMs)}
}

// withdrawBody is an order to pay out.
type withdrawBody struct {
	Rail   string `json:"rail"`
	Amount Utok   `json:"amount_quote"`
	To     string `json:"to,omitempty" doc:"the payee, as the rail names them; a voucher needs none"`
}

// withdrewView is quote that was ordered out, or taken back.
type withdrewView struct {
	movedAnswer
	Withdrawal withdrawalView `json:"withdrawal"`
	Code       string         `json:"code,omitempty" doc:"of the voucher; shown once"`
}

func (s *site) apiWithdraw(w http.ResponseWriter, r *http.Request) error {
	var in withdrawBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	order := store.WithdrawOrder{Rail: in.Rail, To: in.To}
	if order.Amount, err = positive(in.Amount, "amount_quote"); err != nil {
		return err
	}
	out, err := s.withdraw(r, o, order)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, withdrewView{movedView(out.Moved), newWithdrawalView(out.Withdrawal), string(out.Code)})
}

func (s *site) withdraw(r *http.Request, o store.Once, order store.WithdrawOrder) (store.Withdrawn, error) {
	if err := s.onRail(order.Rail); err != nil {
		return store.Withdrawn{}, err
	}
	return s.Store.Withdraw(r.Context(), o, order)
}

// withdrawalsView is a member's withdrawals, newest first.
type withdrawalsView struct {
	Withdrawals []withdrawalView `json:"withdrawals"`
	Rails       []string         `json:"rails" doc:"ways to pay in and out"`
	Next        string           `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiWithdrawals(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.WithdrawalsBefore(r.Context(), visitorOf(r).member.ID, before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, withdrawalsView{views(list, newWithdrawalView), s.rails(), formatBefore(next)})
}

func (s *site) apiTakeBack(w http.ResponseWriter, r *http.Request) error {
	id, o, err := s.onceAbout(r)
	if err != nil {
		return err
	}
	out, err := s.Store.TakeBack(r.Context(), o, id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, withdrewView{movedAnswer: movedView(out.Moved), Withdrawal: newWithdrawalView(out.Withdrawal)})
}

// numberInPath is the number of a thing that the path names.
func numberInPath(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(chi.URLParam(r, name), 10, 64)
	if err != nil || n < 1 {
		return 0, store.ErrNotFound
	}
	return n, nil
}
