package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

func memberChangeCmds() []*cobra.Command {
	ban := memberChangeCmd(server.MemberBan, "Keep a member's clients out; their money stays theirs",
		"Bans a member: every announce of theirs is refused with the reason, which says it in their client.\nNothing else changes: what they own and earn stays, and 'unban' lets them in again.")
	unban := memberChangeCmd(server.MemberUnban, "Let a banned member in again", "Lifts a ban. The next announce is answered as before.")
	clear := memberChangeCmd(server.MemberClear, "Let a member who was cut off for unexplained bytes download again",
		"Clears the suspicion that a member took bytes that their clients did not report. What happened\nbefore counts no more; the charges that were made stand.")
	verify := memberChangeCmd(server.MemberVerify, "Give a member the free allowance",
		"Says that somebody is behind the account whom you know: it gets the free allowance, which those who\nare above the gate or were invited have anyway.")
	reset := memberChangeCmd(server.MemberResetFactors, "Take away the authenticator and passkeys of a member who lost them",
		"Removes a member's authenticator with its recovery codes and all their passkeys, and ends all their\nsessions, so that the password alone signs them in again. Be sure that it is they who ask: this is\nwhat a thief of the password would ask for. The password and API tokens stay. It is logged, and\nthe member is told.")
	return []*cobra.Command{ban, unban, clear, verify, reset}
}

func memberChangeCmd(do, short, long string) *cobra.Command {
	var path, reason string
	cmd := &cobra.Command{
		Use: do + " NAME --data DIR", Short: short, Long: long,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			answer, err := server.AdministerMember(cmd.Context(), conf, server.ChangeMember{Do: do, Name: args[0], Reason: reason})
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
			}
			return err
		},
	}
	configFlags(cmd, &path)
	if do == server.MemberBan {
		cmd.Use = "ban NAME --reason TEXT --data DIR"
		cmd.Flags().StringVar(&reason, "reason", "", "why, in words for the member")
	}
	return cmd
}

// defaultPasswordDays is how long a link to replace a lost password is good for.
const defaultPasswordDays = 3

func passwordLinkCmd() *cobra.Command {
	var path string
	var days int
	cmd := &cobra.Command{
		Use:   "password-link NAME --data DIR",
		Short: "Print a one-use link with which a member chooses a new password",
		Long: `Prints a link for a member who lost the password, or never had one. It works once; an older link of
theirs stops working, and so does this one when the password is changed in another way. An
authenticator and passkeys stay: who lost these too needs 'reset-factors' as well. Be sure that it is
they who ask. It is logged.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			if days < 1 {
				return errors.New("--days: want at least 1")
			}
			to, err := server.OpenImporter(cmd.Context(), conf)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, to.Close()) }()
			link, err := to.PasswordLink(cmd.Context(), server.NewPasswordLink{Name: args[0], TTL: time.Duration(days) * 24 * time.Hour})
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(link)
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().IntVar(&days, "days", defaultPasswordDays, "days for which the link is good")
	return cmd
}
