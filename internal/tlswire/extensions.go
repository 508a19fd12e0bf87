package tlswire

import (
	"fmt"
	"strconv"
)

// extensions takes the rest of a hello, which may be nothing at all (RFC 5246,
// section 7.4.1.2), and gives each extension to see. A malformed extension
// does not keep the others from being read; the first one is the error.
func (r *reader) extensions(message string, see func(id uint16, data *reader)) (ids []uint16, err error) {
	if len(r.b) == 0 {
		return nil, nil
	}
	list := r.vector(2)
	for len(list.b) > 0 {
		id, data := list.u16(), list.vector(2)
		if list.short {
			break
		}
		ids = append(ids, id)
		if see(id, &data); data.short && err == nil {
			err = fmt.Errorf("parse %s: extension %s is malformed", message, ExtensionName(id))
		}
	}
	switch {
	case list.short:
		err = fmt.Errorf("parse %s: its extensions end too early", message)
	case len(r.b) > 0 && err == nil:
		err = fmt.Errorf("parse %s: %d bytes follow its extensions", message, len(r.b))
	}
	return ids, err
}

// ExtensionName is the name of a TLS extension in the IANA registry, or one
// like "extension 4242"; empty for GREASE.
func ExtensionName(id uint16) string {
	if IsGREASE(id) {
		return ""
	}
	switch id {
	case 0:
		return "server_name"
	case 1:
		return "max_fragment_length"
	case 5:
		return "status_request"
	case 10:
		return "supported_groups"
	case 11:
		return "ec_point_formats"
	case 13:
		return "signature_algorithms"
	case 14:
		return "use_srtp"
	case 15:
		return "heartbeat"
	case 16:
		return "application_layer_protocol_negotiation"
	case 17:
		return "status_request_v2"
	case 18:
		return "signed_certificate_timestamp"
	case 21:
		return "padding"
	case 22:
		return "encrypt_then_mac"
	case 23:
		return "extended_master_secret"
	case 24:
		return "token_binding"
	case 27:
		return "compress_certificate"
	case 28:
		return "record_size_limit"
	case 34:
		return "delegated_credential"
	case 35:
		return "session_ticket"
	case 41:
		return "pre_shared_key"
	case 42:
		return "early_data"
	case 43:
		return "supported_versions"
	case 44:
		return "cookie"
	case 45:
		return "psk_key_exchange_modes"
	case 47:
		return "certificate_authorities"
	case 48:
		return "oid_filters"
	case 49:
		return "post_handshake_auth"
	case 50:
		return "signature_algorithms_cert"
	case 51:
		return "key_share"
	case 57:
		return "quic_transport_parameters"
	case 13172:
		return "next_protocol_negotiation"
	case 17513, 17613:
		return "application_settings"
	case 0xfe0d:
		return "encrypted_client_hello"
	case 0xff01:
		return "renegotiation_info"
	}
	return "extension " + strconv.Itoa(int(id))
}
