//! Texts as the official server writes them into JSON.

/// Appends a text in quotes. It has to be UTF-8.
///
/// What a browser could take for markup is escaped too, and the two line ends of Unicode that were
/// none in JavaScript.
#[inline]
pub(crate) fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain(rest));
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = special.split_first() else {
            break;
        };
        rest = push_special(byte, behind, out);
    }
    out.push(b'"');
}

/// Appends what stands for a byte that may have to be escaped; what follows it.
fn push_special<'a>(byte: u8, behind: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let escape: &[u8] = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        8 => b"\\b",
        b'\t' => b"\\t",
        b'\n' => b"\\n",
        12 => b"\\f",
        b'\r' => b"\\r",
        LINE_END => match behind {
            [0x80, 0xa8, behind @ ..] => {
                out.extend_from_slice(b"\\u2028");
                return behind;
            }
            [0x80, 0xa9, behind @ ..] => {
                out.extend_from_slice(b"\\u2029");
                return behind;
            }
            _ => &[LINE_END],
        },
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
            &[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]
        }
    };
    out.extend_from_slice(escape);
    behind
}

/// The first byte of the line ends of Unicode, and of much else.
const LINE_END: u8 = 0xe2;

#[inline]
fn is_special(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | LINE_END)
}

/// How many bytes stand for themselves.
#[inline]
fn plain(text: &[u8]) -> usize {
    let mut n_plain = 0;
    // Without a branch for each byte: the compiler makes a few instructions of it.
    let mut chunks = text.chunks_exact(16);
    for chunk in &mut chunks {
        if chunk
            .iter()
            .fold(false, |any, &byte| any | is_special(byte))
        {
            break;
        }
        n_plain += chunk.len();
    }
    let rest = text.get(n_plain..).unwrap_or_default();
    n_plain + rest.iter().take_while(|&&byte| !is_special(byte)).count()
}
