package web

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// Budgets of the API, in requests within budgetWindow. What costs more than others has narrower limits of its own
// beside them.
const (
	budgetWindow  = time.Minute
	budgetKnown   = 600 // of a member, with all their sessions and tokens; and of a node
	budgetUnknown = 120 // of an address from which somebody unknown asks
)

// budgets count requests by who sends them, in windows that begin with the first. They remember maxLimiters keys;
// above that they forget whose window is over, and if there are none, all.
type budgets struct {
	mu    sync.Mutex
	spent map[string]*budget
}

type budget struct {
	until time.Time
	spent int
}

func newBudgets() *budgets { return &budgets{spent: map[string]*budget{}} }

// standing is what is left of a budget, and when there is all of it again.
type standing struct {
	quota, left int
	again       time.Duration
	over        bool // there was nothing left
}

// spend takes n requests from a budget; 0 only looks.
func (b *budgets) spend(key string, quota, n int, now time.Time) standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.spent[key]
	if x == nil || !now.Before(x.until) || x.until.Sub(now) > budgetWindow { // the last: the clock went back
		if x == nil && len(b.spent) >= maxLimiters {
			b.forget(now)
		}
		x = &budget{until: now.Add(budgetWindow)}
		b.spent[key] = x
	}
	out := standing{quota: quota, again: x.until.Sub(now), over: x.spent >= quota}
	if !out.over {
		x.spent += n
	}
	out.left = quota - x.spent
	return out
}

func (b *budgets) forget(now time.Time) {
	for k, x := range b.spent {
		if !now.Before(x.until) {
			delete(b.spent, k)
		}
	}
	if len(b.spent) >= maxLimiters {
		clear(b.spent)
	}
}

// header tells the client, as draft-ietf-httpapi-ratelimit-headers-09 has it.
func (x standing) header(h http.Header) {
	h.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, x.quota, int(budgetWindow.Seconds())))
	h.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, x.left, wholeSeconds(x.again)))
}

// wholeSeconds rounds up: who waits so long has waited long enough.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// onBudget lets a request through as long as whoever sends it has requests left, and tells how many. What is paced
// takes none of them.
func (s *site) onBudget(o openapi.Operation, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if secret, ok := bearer(r); ok && looksLikeJWT(secret) && (o.Who == openapi.Node || o.Who == openapi.MemberOrNode) {
			return s.nodeOnBudget(h)(w, r)
		}
		key, quota := "from "+s.network(r), budgetUnknown
		if m := visitorOf(r).member; m != nil {
			key, quota = fmt.Sprint("member ", m.ID), budgetKnown
		}
		if err := s.spend(w, key, quota, costOf(o)); err != nil {
			return err
		}
		return h(w, r)
	}
}

func costOf(o openapi.Operation) int {
	if o.Paced {
		return 0
	}
	return 1
}

// nodeOnBudget is onBudget for nodes, who are known once their token was looked at: until then the address answers
// for tokens that are nobody's.
func (s *site) nodeOnBudget(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		from := "forged from " + s.network(r)
		if err := s.spend(w, from, budgetUnknown, 0); err != nil {
			return err
		}
		err := h(w, r)
		if err == errNode || err == errBody {
			s.spend(w, from, budgetUnknown, 1) // it is refused anyhow
		}
		return err
	}
}

// knownNode is the part of nodeOnBudget behind the look at the token.
func (s *site) knownNode(o openapi.Operation, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if n := visitorOf(r).node; n != nil {
			if err := s.spend(w, fmt.Sprint("node ", n.ID), budgetKnown, costOf(o)); err != nil {
				return err
			}
		}
		return h(w, r)
	}
}

// spend takes requests from a budget and tells what is left. In development nobody is refused.
func (s *site) spend(w http.ResponseWriter, key string, quota, n int) error {
	x := s.budgets.spend(key, quota, n, s.Now())
	x.header(w.Header())
	if x.over && !s.Dev {
		return slowDown(x.again)
	}
	return nil
}

// slowDown is errSlowDown with the time after which it is worth trying again.
func slowDown(again time.Duration) *problem {
	p := *errSlowDown
	p.again = max(again, time.Second)
	return &p
}
