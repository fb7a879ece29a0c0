package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// factors is how members prove who they are, and what they have opened by it.
type factors interface {
	Factors(context.Context, bt.MemberID) (store.Factors, error)
	SetPassword(ctx context.Context, m bt.MemberID, hash string) error
	authenticators
	passkeyring
	sessions
	apiTokens
	feedKeys
}

type authenticators interface {
	TOTP(context.Context, bt.MemberID) (store.TOTP, error)
	OfferTOTP(ctx context.Context, m bt.MemberID, secret []byte) error
	ConfirmTOTP(ctx context.Context, x store.TOTP, step int64, codes [][]byte) error
	UseTOTP(ctx context.Context, x store.TOTP, step int64) error
	RemoveTOTP(context.Context, bt.MemberID) error
	UseRecoveryCode(ctx context.Context, m bt.MemberID, hash []byte) (left int, err error)
	ReplaceRecoveryCodes(ctx context.Context, m bt.MemberID, codes [][]byte) error
}

type passkeyring interface {
	Passkeys(context.Context, bt.MemberID) ([]store.Passkey, error)
	PasskeyByCredential(ctx context.Context, id []byte) (k store.Passkey, handle []byte, err error)
	PasskeyHandle(ctx context.Context, m bt.MemberID, new [32]byte) ([]byte, error)
	AddPasskey(context.Context, store.Passkey) error
	UsePasskey(ctx context.Context, id int64, count uint32) (cloned bool, err error)
	RemovePasskey(ctx context.Context, m bt.MemberID, id int64) error
}

type sessions interface {
	StartSession(context.Context, store.NewSession) error
	Session(ctx context.Context, secret string) (store.Session, error)
	Sessions(context.Context, bt.MemberID) ([]store.Session, error)
	SeeSession(ctx context.Context, id, network string) error
	ConfirmSession(ctx context.Context, id string) error
	EndSessionOf(ctx context.Context, m bt.MemberID, id string) error
	EndSessions(ctx context.Context, m bt.MemberID, keep string) error
}

type apiTokens interface {
	Token(ctx context.Context, secret string) (store.Member, store.TokenInfo, error)
	APITokens(context.Context, bt.MemberID) ([]store.TokenInfo, error)
	SeeToken(ctx context.Context, id string) error
	RevokeAPIToken(ctx context.Context, m bt.MemberID, id string) error
}

type feedKeys interface {
	FeedKey(context.Context, bt.MemberID) (store.FeedKey, error)
	SetFeedKey(ctx context.Context, m bt.MemberID, key string) error
	RemoveFeedKey(context.Context, bt.MemberID) error
}
