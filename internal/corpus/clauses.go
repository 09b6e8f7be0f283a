// SPDX-License-Identifier: Apache-2.0

package corpus

// The sections of the guidance, and what goes beside them.
const (
	clauseInteraction = "Interaction Security"
	clauseASID        = clauseInteraction + ": the interaction ID is associated with the ASID"
	clauseRegistry    = clauseInteraction + ": an ASID is unique and associated with interactions"
	clauseOwn         = clauseInteraction + ": only pointers of their own"
	clauseCode        = clauseInteraction + ": the ODS code found in the pointer"

	clauseProtocols = "Secure Socket Layer (SSL) and Transport Layer Security (TLS) Protocols"
	clauseCiphers   = "Ciphers"

	clauseTLSMA  = "Client Certificates (TLSMA)"
	dirTeam      = clauseTLSMA + ": issued by the DIR team"
	chainOfTrust = clauseTLSMA + ": a valid Spine chain of trust"
	notExpired   = clauseTLSMA + ": not expired or revoked"
	clauseCRL    = notExpired + " (RFC 5280 section 6.3)"
	clauseOCSP   = notExpired + " (RFC 6960)"
	fqdnOfSSP    = clauseTLSMA + ": the FQDN of the Spine Secure Proxy"

	usageOfKeys = "RFC 5280 section 4.2.1"
	clauseToken = "Spine Core: bearer token"
	clauseTable = "The NRL's error table"
)
