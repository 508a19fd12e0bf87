package rules

import "fanlight/internal/explain"

// All lists the rules. The order does not matter to Run; it is that of the
// catalogue: the capture, addresses, TLS, renegotiation, HTTP, sign-in, gateway.
func All() []explain.Rule {
	return []explain.Rule{
		captureIncomplete,

		portClosed,
		synUnanswered,
		addressUnreachable,
		wildcardListenerShadows,
		addressInUse,
		portNotPermitted,
		loopbackAliasMissing,
		acceptedButSilent,

		stoppedSiteStillHandshakes,
		sniUnknownAlert,
		noCertificateForBinding,
		privateCANotTrustedHere,
		certificateNameMismatch,
		certificateDateInvalid,
		weakCertificate,
		versionMismatch,
		cipherOrGroupMismatch,
		tlsToPlaintextPort,
		clientCertificateNotSent,
		legacyTLSOrigin,
		originHandshakeFailed,

		renegotiationUnanswered,
		renegotiationUnfinished,
		renegotiationRefused,
		renegotiationLimit,
		renegotiationBodyDeadlock,
		renegotiationAnswered,
		postHandshakeAuthNotOffered,

		keepaliveRace,
		originClosedWithoutAnswer,
		bodyTruncated,
		responseFramingConflict,
		requestFramingAmbiguous,
		requestMalformed,
		requestHeaderTooLarge,
		responseHeaderTooLarge,
		expect100Stall,
		httpsRedirectLoop,
		redirectLeaksBackend,
		connectionClosedEachRequest,
		connectionChurn,
		earlyResponseLost,
		mtuBlackHole,
		idleMappingDropped,
		halfOpenPeer,
		lossLimitedTransfer,
		nagleDelayedACK,
		wsUpgradeHeadersLost,
		slowSenderCut,

		h2CoalescedMisdirected,
		h2GoAwayRace,
		h2HTTP11Required,
		h2RefusedStreams,
		h2EnhanceYourCalm,
		h2InadequateSecurity,

		serverHeaderStrippedReauth,
		ntlmHandshakeSplit,
		ntlmIdentityLeak,
		viaHeaderBreaksPersistence,
		authRepeatedPerRequest,
		authConnectionClosedMidway,
		negotiateFellBackToNTLM,
		kerberosWrongKey,
		kerberosClockSkew,
		noCredentialsOffered,
		preflightChallenged,
		loopbackCheck401,

		gatewayTimeout,
		slowOrigin,
		receiverStalls,
		clientGaveUp,
	}
}
