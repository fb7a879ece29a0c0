package web_test

import "testing"

// What the faucet does not give is said as a problem that a member can act on.
func TestFaucetLimitIsExplained(t *testing.T) {
	w := newWorld(t)
	joined := w.want(w.client("").post("/api/v1/members", `{"name":"alice","password":"`+password+`"}`), 201).json(t)
	alice := w.client(joined["api_token"].(string))
	w.want(alice.pay("/api/v1/deposits", "a", `{"rail":"faucet","amount_quote":"999999000000"}`), 201)
	w.problem(alice.pay("/api/v1/deposits", "b", `{"rail":"faucet","amount_quote":"1000001"}`), 409, "faucet")
	w.problem(alice.pay("/api/v1/deposits", "c", `{"rail":"gold","amount_quote":"1"}`), 422, "rail")
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"1000000"}`), 201)
}
