package tracker

// DefaultClientRules is the policy of a new tracker: current versions of the clients that private
// trackers commonly admit, and those that are known to harm a swarm, with the reason. What is not
// listed is denied, because there are allowing rules.
func DefaultClientRules() []ClientRule {
	const (
		old     = "too old: update it"
		ads     = "carries advertising and bundled programs: use another client"
		stream  = "made for streaming: it leaves when its window is closed"
		leech   = "known to take without giving back"
		private = "known to leave the rules of private torrents aside"
	)
	allow := func(prefix, note string) ClientRule { return ClientRule{prefix, true, note} }
	deny := func(prefix, note string) ClientRule { return ClientRule{prefix, false, note} }
	return []ClientRule{
		allow("-TR29", "Transmission 2.9"), allow("-TR3", "Transmission 3"), allow("-TR4", "Transmission 4"),
		deny("-TR0", old), deny("-TR1", old), deny("-TR2", old),
		allow("-qB4", "qBittorrent 4"), allow("-qB5", "qBittorrent 5"), deny("-qB2", old), deny("-qB3", old),
		allow("-DE13", "Deluge 1.3"), allow("-DE2", "Deluge 2"), deny("-DE0", old), deny("-DE1", old),
		allow("-LT1", "libtorrent 1 and what is built on it"), allow("-LT2", "libtorrent 2 and what is built on it"), deny("-LT0", old),
		allow("-lt", "rTorrent"), deny("-lt0B", old), deny("-lt0C", old),
		allow("A2-", "aria2"), allow("-BI", "BiglyBT"), allow("-AZ", "Vuze"), allow("-KT", "KTorrent"), allow("TIX", "Tixati"),
		allow("-UT18", "µTorrent 1.8"), allow("-UT20", "µTorrent 2.0"), allow("-UT22", "µTorrent 2.2"), allow("-UM", "µTorrent for Mac"),
		allow("-GT", "programs built on anacrolix/torrent"), allow("-SS", "swarmseed, our own seeder"),
		deny("-UT3", ads+", or version 2.2.1"), deny("-BT", ads), deny("-UW", ads), deny("-WW", stream), deny("-WD", stream),
		deny("-BC", private), deny("exbc", private), deny("AZ2500BT", "BitTyrant: uploads as little as it can"), deny("-UL", leech),
		deny("-XL", leech), deny("-SD", leech), deny("-XF", leech), deny("-QD", leech), deny("-FG", leech), deny("-MG", leech), deny("-ZO", leech),
	}
}
