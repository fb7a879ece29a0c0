package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	socketName    = "admin.sock"
	adminTokenTTL = 365 * 24 * time.Hour
	maxAdminBody  = 64 << 10
	// maxAdminAnswer fits a list of tracker.MaxClientRules rules.
	maxAdminAnswer = 2 << 20
)

// AddMember asks for an account with granted tokens.
type AddMember struct {
	Name   string
	Tokens tokens.Amount
	Stake  tokens.Amount
}

// AddedMember is what `admin member add` prints. Amounts are decimal strings of micro-tokens.
type AddedMember struct {
	Member    string        `json:"member"`
	MemberID  bt.MemberID   `json:"member_id"`
	APIToken  string        `json:"api_token"`
	Available tokens.Amount `json:"-"`
	Staked    tokens.Amount `json:"-"`
}

// MarshalJSON writes amounts as the API does.
func (a AddedMember) MarshalJSON() ([]byte, error) {
	type plain AddedMember
	return json.Marshal(struct {
		plain
		Available string `json:"available_utok"`
		Staked    string `json:"staked_utok"`
	}{plain(a), utok(a.Available), utok(a.Staked)})
}

func utok(a tokens.Amount) string { return fmt.Sprint(int64(a)) }

// Administer carries out req through the server that uses conf.Data, or, if none runs, in the
// database itself.
func Administer(ctx context.Context, conf Config, req AddMember) (json.RawMessage, error) {
	return administer(ctx, conf, "/members", req, func(ctx context.Context, st *store.Store) (any, error) { return addMember(ctx, st, req) })
}

// administer sends req to a path of the running server's socket, or, if none runs, does alone on
// the database itself. Either gives the same JSON.
func administer(ctx context.Context, conf Config, path string, req any, alone func(context.Context, *store.Store) (any, error)) (json.RawMessage, error) {
	if err := ensureDir(conf.Data); err != nil {
		return nil, err
	}
	answer, err := overSocket(ctx, filepath.Join(conf.Data, socketName), path, req)
	if !errors.Is(err, errNoServer) {
		return answer, err
	}
	release, err := Lock(conf.Data)
	if err != nil {
		return nil, err
	}
	defer release()
	st, err := openOffline(ctx, conf)
	if err != nil {
		return nil, err
	}
	done, err := alone(ctx, st)
	if err := errors.Join(err, st.Close()); err != nil {
		return nil, err
	}
	return json.Marshal(done)
}

var errNoServer = errors.New("no server is running")

func overSocket(ctx context.Context, socket, path string, req any) (json.RawMessage, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, errNoServer
		}
		return conn, nil
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAdminAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(string(bytes.TrimSpace(answer)))
	}
	return answer, nil
}

func addMember(ctx context.Context, st *store.Store, req AddMember) (AddedMember, error) {
	g := store.Grant{NewMember: store.NewMember{Name: req.Name}, Tokens: req.Tokens, Stake: req.Stake,
		APIToken: "sst_" + rand.Text(), TokenTTL: adminTokenTTL}
	rand.Read(g.Secret[:])
	got, err := st.AddMember(ctx, g)
	if errors.Is(err, store.ErrExists) {
		return AddedMember{}, fmt.Errorf("there is a member called %q already: choose another name", req.Name)
	}
	if err != nil {
		return AddedMember{}, err
	}
	return AddedMember{Member: got.Member.Name, MemberID: got.Member.ID, APIToken: g.APIToken, Available: got.Available, Staked: got.Staked}, nil
}

// adminServer answers administrative commands on a socket in the data folder, which only its
// owner can open.
type adminServer struct {
	http *http.Server
	l    net.Listener
	mux  *http.ServeMux
	log  *slog.Logger
}

func listenAdmin(dir string, add func(context.Context, AddMember) (AddedMember, error), log *slog.Logger) (*adminServer, error) {
	path := filepath.Join(dir, socketName)
	os.Remove(path) // the lock is ours: a socket found here is a dead server's
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for administrative commands: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect the administrative socket: %w", err)
	}
	mux := http.NewServeMux()
	a := &adminServer{http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, l: l, mux: mux, log: log}
	command(a, "/members", func(ctx context.Context, req AddMember) (AddedMember, error) {
		added, err := add(ctx, req)
		if err == nil {
			log.Info("member added by an administrative command", "member", added.MemberID)
		}
		return added, err
	})
	return a, nil
}

// command has a path of the socket answered by do. Commands are added before run.
func command[Req, Ans any](a *adminServer, path string, do func(context.Context, Req) (Ans, error)) {
	commandUpTo(a, path, maxAdminBody, do)
}

// commandUpTo is command for requests of at most so many bytes.
func commandUpTo[Req, Ans any](a *adminServer, path string, limit int64, do func(context.Context, Req) (Ans, error)) {
	a.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(&req); err != nil {
			http.Error(w, "malformed request", http.StatusBadRequest)
			return
		}
		answer, err := do(r.Context(), req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		json.NewEncoder(w).Encode(answer)
	})
}

func (a *adminServer) run(ctx context.Context) error {
	go func() {
		<-ctx.Done()
		a.http.Close()
	}()
	if err := a.http.Serve(a.l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
