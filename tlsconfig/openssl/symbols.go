// SPDX-License-Identifier: Apache-2.0

package openssl

import "sync/atomic"

// library is the system's libssl 3 and libcrypto 3: the addresses of the
// functions that the engine calls.
type library struct {
	version string

	// Callbacks are never freed by purego and limited in number: one of each for
	// the process, and so one RSA_METHOD.
	verifyCallback, alpnCallback, statusCallback, signMethod uintptr

	errClearError, errGetError, errErrorStringN uintptr
	versionNum, versionText                     uintptr
	cryptoMalloc, cryptoFree                    uintptr

	bioNew, bioSMem, bioFree, bioRead, bioWrite, bioPuts, bioCtrl uintptr

	d2iX509Bio, i2dX509Bio, x509Free         uintptr
	d2iPrivateKeyBio, pkeyFree               uintptr
	d2iRSAPublicKeyBio, rsaFree              uintptr
	rsaMethNew, rsaMethSetSign, rsaSetMethod uintptr
	rsaMethSetPrivEnc                        uintptr
	pkeyNew, pkeyAssign                      uintptr
	skNum, skValue                           uintptr
	tlsServerMethod, tlsClientMethod         uintptr
	ctxNew, ctxFree, ctxCtrl                 uintptr
	ctxSetOptions, ctxClearOptions           uintptr
	ctxSetCipherList, ctxSetCiphersuites     uintptr
	ctxGetCiphers, cipherProtocolID          uintptr
	ctxGetLevel, ctxSetLevel                 uintptr
	ctxSetVerify, ctxSetVerifyCallback       uintptr
	ctxUseCertificate, ctxUseKey             uintptr
	ctxCheckKey, ctxAddClientCA              uintptr
	ctxSetALPN, ctxSetALPNCallback           uintptr
	ctxCallbackCtrl                          uintptr
	sslNew, sslFree, sslSetBio, sslCtrl      uintptr
	sslConnectState, sslAcceptState          uintptr
	sslDoHandshake, sslRead, sslWrite        uintptr
	sslShutdown, sslGetError, sslVersion     uintptr
	sslPeerCertificate, sslPeerChain         uintptr
	sslCurrentCipher, sslALPN, sslServerName uintptr

	live counts
}

// counts are the C objects that the engine has made and not yet freed. What
// libssl owns itself, such as the two BIOs of an SSL, is not counted.
type counts struct {
	contexts, sessions, bios, certificates, keys atomic.Int64
}

func (l *library) functions() []struct {
	name    string
	address *uintptr
} {
	return []struct {
		name    string
		address *uintptr
	}{
		{"ERR_clear_error", &l.errClearError},
		{"ERR_get_error", &l.errGetError},
		{"ERR_error_string_n", &l.errErrorStringN},
		{"OpenSSL_version_num", &l.versionNum},
		{"OpenSSL_version", &l.versionText},
		{"CRYPTO_malloc", &l.cryptoMalloc},
		{"CRYPTO_free", &l.cryptoFree},
		{"BIO_new", &l.bioNew},
		{"BIO_s_mem", &l.bioSMem},
		{"BIO_free", &l.bioFree},
		{"BIO_read", &l.bioRead},
		{"BIO_write", &l.bioWrite},
		{"BIO_puts", &l.bioPuts},
		{"BIO_ctrl", &l.bioCtrl},
		{"d2i_X509_bio", &l.d2iX509Bio},
		{"i2d_X509_bio", &l.i2dX509Bio},
		{"X509_free", &l.x509Free},
		{"d2i_PrivateKey_bio", &l.d2iPrivateKeyBio},
		{"EVP_PKEY_free", &l.pkeyFree},
		{"EVP_PKEY_new", &l.pkeyNew},
		{"EVP_PKEY_assign", &l.pkeyAssign},
		{"d2i_RSAPublicKey_bio", &l.d2iRSAPublicKeyBio},
		{"RSA_free", &l.rsaFree},
		{"RSA_meth_new", &l.rsaMethNew},
		{"RSA_meth_set_sign", &l.rsaMethSetSign},
		{"RSA_meth_set_priv_enc", &l.rsaMethSetPrivEnc},
		{"RSA_set_method", &l.rsaSetMethod},
		{"OPENSSL_sk_num", &l.skNum},
		{"OPENSSL_sk_value", &l.skValue},
		{"TLS_server_method", &l.tlsServerMethod},
		{"TLS_client_method", &l.tlsClientMethod},
		{"SSL_CTX_new", &l.ctxNew},
		{"SSL_CTX_free", &l.ctxFree},
		{"SSL_CTX_ctrl", &l.ctxCtrl},
		{"SSL_CTX_set_options", &l.ctxSetOptions},
		{"SSL_CTX_clear_options", &l.ctxClearOptions},
		{"SSL_CTX_set_cipher_list", &l.ctxSetCipherList},
		{"SSL_CTX_set_ciphersuites", &l.ctxSetCiphersuites},
		{"SSL_CTX_get_ciphers", &l.ctxGetCiphers},
		{"SSL_CIPHER_get_protocol_id", &l.cipherProtocolID},
		{"SSL_CTX_get_security_level", &l.ctxGetLevel},
		{"SSL_CTX_set_security_level", &l.ctxSetLevel},
		{"SSL_CTX_set_verify", &l.ctxSetVerify},
		{"SSL_CTX_set_cert_verify_callback", &l.ctxSetVerifyCallback},
		{"SSL_CTX_use_certificate", &l.ctxUseCertificate},
		{"SSL_CTX_use_PrivateKey", &l.ctxUseKey},
		{"SSL_CTX_check_private_key", &l.ctxCheckKey},
		{"SSL_CTX_add_client_CA", &l.ctxAddClientCA},
		{"SSL_CTX_set_alpn_protos", &l.ctxSetALPN},
		{"SSL_CTX_set_alpn_select_cb", &l.ctxSetALPNCallback},
		{"SSL_CTX_callback_ctrl", &l.ctxCallbackCtrl},
		{"SSL_new", &l.sslNew},
		{"SSL_free", &l.sslFree},
		{"SSL_set_bio", &l.sslSetBio},
		{"SSL_ctrl", &l.sslCtrl},
		{"SSL_set_connect_state", &l.sslConnectState},
		{"SSL_set_accept_state", &l.sslAcceptState},
		{"SSL_do_handshake", &l.sslDoHandshake},
		{"SSL_read", &l.sslRead},
		{"SSL_write", &l.sslWrite},
		{"SSL_shutdown", &l.sslShutdown},
		{"SSL_get_error", &l.sslGetError},
		{"SSL_version", &l.sslVersion},
		{"SSL_get0_peer_certificate", &l.sslPeerCertificate},
		{"SSL_get_peer_cert_chain", &l.sslPeerChain},
		{"SSL_get_current_cipher", &l.sslCurrentCipher},
		{"SSL_get0_alpn_selected", &l.sslALPN},
		{"SSL_get_servername", &l.sslServerName},
	}
}
