package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// ask sends a request past the network; from is the address that it seems to come from.
func (c *client) ask(method, target, from, body string, headers ...string) reply {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = from
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.w.router.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

const somewhere = "192.0.2.78:4711"

// atOnce is by how many hands one request that moves money is sent at the same time.
const atOnce = 64

// onceCase is a request that moves money and is taken. ready makes that so; it may say where it goes, and what is
// sent.
type onceCase struct {
	path, body string
	by         *client // nil: alice
	rows       float64 // of the ledger, where the answer does not name them: they are not the member's own
	ready      func(w *world, alice *client, x *onceCase)
}

// onceCases are of all operations that want an Idempotency-Key, by name.
var onceCases = map[string]onceCase{
	"POST /stake":                             {body: `{"amount_utok":"1000000"}`},
	"POST /stake/unstake":                     {body: `{"amount_utok":"1000000"}`},
	"POST /nodes/{node}/pledge":               {path: "/nodes/1/pledge", body: `{"amount_utok":"1000000"}`},
	"POST /nodes/{node}/unpledge":             {path: "/nodes/1/unpledge", body: `{"amount_utok":"1000000"}`},
	"POST /torrents/{infohash}/sponsor":       {body: `{"amount_utok":"10000000","hours":48}`, ready: sponsorable},
	"POST /sale/buy":                          {body: `{"tokens":"1","max_cost":"900000000"}`},
	"POST /sale/exchange":                     {body: `{"serial":1,"min_utok":"1","max_utok":"1000000","max_cost":"9000000"}`},
	"POST /sale/sell":                         {body: `{"tokens":"1","min_refund":"1"}`},
	"POST /deposits":                          {body: `{"rail":"faucet","amount_quote":"1000000"}`},
	"POST /withdrawals":                       {body: `{"rail":"voucher","amount_quote":"1000000"}`},
	"POST /withdrawals/{id}/take-back":        {path: "/withdrawals/1/take-back", ready: withdrawn, rows: 1},
	"POST /locks":                             {body: `{"amount_utok":"8000000","weeks":26}`},
	"POST /locks/{id}/claim":                  {path: "/locks/1/claim", ready: owed},
	"POST /vestings/release":                  {ready: vested},
	"POST /requests":                          {body: `{"title":"Something rare","bounty_utok":"2000000"}`},
	"POST /requests/{id}/bounty":              {path: "/requests/1/bounty", body: `{"amount_utok":"1000000"}`, ready: requested},
	"POST /requests/{id}/close":               {path: "/requests/1/close", ready: requested, rows: 1},
	"POST /requests/{id}/fills/{fill}/accept": {path: "/requests/1/fills/1/accept", ready: offered, rows: 1},
	"POST /admin/corrections":                 {ready: corrected, rows: 1},
	"POST /admin/corrections/{id}/approve":    {path: "/admin/corrections/1/approve", ready: proposed, rows: 1},
}

// corrected has an operator ask for a correction of what a member has: in small ones they need nobody else.
func corrected(w *world, _ *client, x *onceCase) {
	w.Helper()
	w.member("carol", 10_000*tokens.Unit, 0)
	w.member("dave", 0, 0)
	x.by, x.body = w.program("boss", "swst_boss"), w.correction(tokens.Unit)
}

// proposed has one propose a large correction, for alice to approve.
func proposed(w *world, alice *client, x *onceCase) {
	w.Helper()
	var boss onceCase
	corrected(w, alice, &boss)
	w.want(boss.by.pay(apiRoot+"/admin/corrections", "ready-c", w.correction(5000*tokens.Unit)), 201)
	w.exec("UPDATE members SET operator = 1 WHERE name = 'alice'")
}

func (w *world) correction(a tokens.Amount) string {
	w.Helper()
	from, err := w.store.MemberByName(w.Context(), "carol")
	if err != nil {
		w.Fatal(err)
	}
	return fmt.Sprintf(`{"asset":"token","amount":"%d","from":%q,"to":%q,"reason":"a test"}`, int64(a), tokens.Available(from.ID), tokens.Available(from.ID+1))
}

func sponsorable(w *world, alice *client, x *onceCase) {
	x.path = "/torrents/" + uploadOf(w, alice, "sponsored") + "/sponsor"
}

func withdrawn(w *world, alice *client, _ *onceCase) {
	w.want(alice.pay(apiRoot+"/withdrawals", "ready-w", `{"rail":"voucher","amount_quote":"1000000"}`), 201)
}

// owed has alice lock tokens and be owed fees for it.
func owed(w *world, alice *client, _ *onceCase) {
	w.settled() // an epoch began
	w.want(alice.pay(apiRoot+"/locks", "ready-l", `{"amount_utok":"8000000","weeks":26}`), 201)
	w.settled()
	w.fees("once", 3*tokens.Unit)
	w.settled()
}

func vested(w *world, alice *client, x *onceCase) {
	owed(w, alice, x)
	w.want(alice.pay(apiRoot+"/locks/1/claim", "ready-c", ""), 201)
	w.clock.Add(int64(31 * 24 * time.Hour))
}

func requested(w *world, alice *client, _ *onceCase) {
	w.want(alice.pay(apiRoot+"/requests", "ready-r", `{"title":"Something rare","bounty_utok":"2000000"}`), 201)
}

func offered(w *world, alice *client, x *onceCase) {
	requested(w, alice, x)
	bob := w.member("bob", 0, 0)
	hash := uploadOf(w, bob, "offered")
	w.want(bob.post(apiRoot+"/requests/1/fills", `{"infohash":"`+hash+`"}`), 204)
}

// uploadOf is the info-hash of a torrent that somebody uploads.
func uploadOf(w *world, by *client, name string) string {
	w.Helper()
	return w.want(by.upload(torrentFile(name)), 201).json(w)["infohash"].(string)
}

// program is a program of a member's, whose token lasts long.
func (w *world) program(name, secret string) *client {
	w.Helper()
	m, err := w.store.MemberByName(w.Context(), name)
	if err == nil {
		err = w.store.AddAPIToken(w.Context(), store.APIToken{Member: m.ID, Label: "test", Secret: secret, TTL: 300 * 24 * time.Hour, Scope: store.ScopeFull})
	}
	if err != nil {
		w.Fatal(err)
	}
	return w.client(secret)
}

// Whatever moves money moves it once, however often and at how many places at the same time it is asked to.
func TestOnceForEachOperation(t *testing.T) {
	eachOperation(documentOf(t), func(method, path string, op map[string]any) {
		name := method + " " + path
		if !wantsKey(op) {
			return
		}
		x, ok := onceCases[name]
		if !ok {
			t.Errorf("%s has no case in onceCases", name)
			return
		}
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			if x.path == "" {
				x.path = path
			}
			sendAtOnce(t, method, x)
		})
	})
}

// wantsKey reports whether an operation moves money.
func wantsKey(op map[string]any) bool {
	for _, p := range op["parameters"].([]any) {
		if at(p, "$ref") == "#/components/parameters/IdempotencyKey" {
			return true
		}
	}
	return false
}

func sendAtOnce(t *testing.T, method string, x onceCase) {
	w := newWorld(t)
	w.operator()
	w.rich("alice")
	alice := w.program("alice", "swst_once")
	w.pair(alice)
	w.want(alice.pay(apiRoot+"/nodes/1/pledge", "ready", `{"amount_utok":"2000000"}`), 201)
	if x.ready != nil {
		x.ready(w, alice, &x)
	}
	if x.by == nil {
		x.by = alice
	}
	before := w.ledgerRow()
	replies := make([]reply, atOnce)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() { replies[i] = x.by.ask(method, apiRoot+x.path, somewhere, x.body, "Idempotency-Key", "one") })
	}
	all.Wait()
	first := answered(t, replies[0])
	for _, r := range replies {
		if err := theContract.check(method, apiRoot+x.path, r); err != nil || r.status >= 300 || !reflect.DeepEqual(answered(t, r), first) {
			t.Fatalf("%v: %d %s, and the first was %s", err, r.status, r.body, replies[0].body)
		}
	}
	if moved, ok := first["transfers"].([]any); ok && x.rows == 0 {
		x.rows = float64(len(moved))
	}
	if rows := w.ledgerRow() - before; rows == 0 || rows != x.rows {
		t.Errorf("%d requests with one key made %v rows in the ledger, want %v", atOnce, rows, x.rows)
	}
	w.problem(x.by.ask(method, apiRoot+x.path, somewhere, x.body), http.StatusBadRequest, "idempotency_key")
	w.problem(x.by.ask("POST", apiRoot+"/stake", somewhere, `{"amount_utok":"777"}`, "Idempotency-Key", "one"), http.StatusConflict, "idempotency_key_reused")
}

// answered is an answer without what is shown in the first one only, and how far a payment is.
func answered(t *testing.T, r reply) map[string]any {
	t.Helper()
	v := r.json(t)
	delete(v, "code")
	delete(v, "withdrawal")
	return v
}

// ledgerRow is the number of the ledger's last row.
func (w *world) ledgerRow() float64 {
	w.Helper()
	return w.want(w.client("").ask("GET", apiRoot+"/ledger/head", somewhere, ""), 200).json(w)["row"].(float64)
}
