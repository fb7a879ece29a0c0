package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

// account is a member who uses the API as anybody could.
type account struct {
	base  string
	name  string
	id    uint32
	token string
}

var client = &http.Client{Timeout: 20 * time.Second}

// maxAnswer bounds what the demo reads of one answer.
const maxAnswer = 16 << 20

// call makes one API request. in nil: no body. out nil: the answer is only checked.
func (a *account) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", rand.Text())
	}
	return a.do(r, out)
}

func (a *account) do(r *http.Request, out any) error { return a.send(client, r, out) }

func (a *account) send(c *http.Client, r *http.Request, out any) error {
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s: %s %s: %s: %s", a.name, r.Method, r.URL.Path, res.Status, body)
	}
	switch v := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*v = body
		return nil
	}
	return json.Unmarshal(body, out)
}

// register makes an account through the API.
func register(ctx context.Context, base, name string) (*account, error) {
	a := &account{base: base, name: name}
	var got struct {
		ID    uint32 `json:"member_id"`
		Token string `json:"api_token"`
	}
	if err := a.call(ctx, http.MethodPost, "/api/v1/members", map[string]string{"name": name, "password": password}, &got); err != nil {
		return nil, err
	}
	a.id, a.token = got.ID, got.Token
	return a, nil
}

// buy pays for tokens on the sale curve with money from the faucet.
func (a *account) buy(ctx context.Context, amount tokens.Amount) error {
	if err := a.call(ctx, http.MethodPost, "/api/v1/deposits", map[string]string{"rail": "faucet", "amount_quote": utok(10 * amount)}, nil); err != nil {
		return err
	}
	return a.call(ctx, http.MethodPost, "/api/v1/sale/buy", map[string]string{"tokens_utok": utok(amount), "max_cost": utok(10 * amount)}, nil)
}

func (a *account) stake(ctx context.Context, amount tokens.Amount) error {
	return a.call(ctx, http.MethodPost, "/api/v1/stake", map[string]string{"amount_utok": utok(amount)}, nil)
}

func utok(a tokens.Amount) string { return fmt.Sprint(int64(a)) }

// upload sends a .torrent and returns its info-hash.
func (a *account) upload(ctx context.Context, torrent []byte) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("torrent", "demo.torrent")
	if err != nil {
		return "", err
	}
	part.Write(torrent)
	form.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/api/v1/torrents", &body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	var got struct {
		InfoHash string `json:"infohash"`
	}
	return got.InfoHash, a.do(r, &got)
}

// torrentFile downloads the member's personalised .torrent.
func (a *account) torrentFile(ctx context.Context, infohash string) ([]byte, error) {
	var raw []byte
	err := a.call(ctx, http.MethodGet, "/api/v1/torrents/"+infohash+"/file", nil, &raw)
	return raw, err
}

// pairingCode asks for a code with which a daemon joins.
func (a *account) pairingCode(ctx context.Context) (string, error) {
	var got struct {
		Code string `json:"code"`
	}
	err := a.call(ctx, http.MethodPost, "/api/v1/nodes/codes", map[string]string{}, &got)
	return got.Code, err
}

// setUp opens the one-use set-up link as the operator's browser would, and then asks for a token.
func setUp(ctx context.Context, srv *server.Server, name string) (*account, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Timeout: client.Timeout, Jar: jar}
	form := url.Values{"name": {name}, "password": {password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.SetupURL(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := browser.Do(r)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	if res.StatusCode >= 300 {
		return nil, fmt.Errorf("the set-up page answered %s", res.Status)
	}
	a := &account{base: srv.URL(), name: name}
	cred := fmt.Sprintf(`{"name":%q,"password":%q}`, name, password)
	var got struct {
		ID    uint32 `json:"member_id"`
		Token string `json:"api_token"`
	}
	if err := a.postWith(ctx, browser, "/api/v1/session", cred, &got); err != nil {
		return nil, err
	}
	if err := a.postWith(ctx, browser, "/api/v1/tokens", `{"label":"demo"}`, &got); err != nil {
		return nil, err
	}
	a.id, a.token = got.ID, got.Token
	return a, nil
}

func (a *account) postWith(ctx context.Context, c *http.Client, path, body string, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return a.send(c, r, out)
}
