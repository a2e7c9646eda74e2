//! How much of a command's output the API tells, and how it is cut. Numbers, marks and the shape of the short form
//! are those of amazon-ssm-agent's iohandler.

/// Of standard output in `GetCommandInvocation`.
pub const STDOUT: usize = 24_000;
/// Of standard error in `GetCommandInvocation`.
pub const STDERR: usize = 8_000;
/// Of both together in `ListCommandInvocations`: the API reference says 2,500, the agent sends less.
const SHORT: usize = 2_400;

const MARK: &str = "--output truncated--";
const OUTPUT_MARK: &str = "\n---Output truncated---";
const ERROR_MARK: &str = "\n---Error truncated----";
const ERROR_TITLE: &str = "\n----------ERROR-------\n";

/// The beginning, and a mark where that is not all; together at most `most` bytes. Bytes that are no UTF-8 become
/// replacement characters.
pub fn content(bytes: &[u8], most: usize) -> String {
    match bytes.len() <= most {
        true => String::from_utf8_lossy(bytes).into_owned(),
        false => format!("{}{MARK}", String::from_utf8_lossy(&bytes[..most - MARK.len()])),
    }
}

/// Output and error in one, as `CommandPlugin.Output` has them.
pub fn short(stdout: &[u8], stderr: &[u8]) -> String {
    // What the agent keeps of each comes first.
    let (stdout, stderr) = (content(stdout, STDOUT), content(stderr, STDERR));
    let title = if stderr.is_empty() { "" } else { ERROR_TITLE };
    let room = SHORT - title.len();
    if stdout.len() + stderr.len() < room {
        return format!("{stdout}{title}{stderr}");
    }
    if stdout.len() > room / 2 && stderr.len() > room / 2 {
        let half = (room - ERROR_MARK.len() - OUTPUT_MARK.len()) / 2;
        return format!("{}{OUTPUT_MARK}{title}{}{ERROR_MARK}", cut(&stdout, half), cut(&stderr, half));
    }
    if stdout.len() < room / 2 {
        let left = room - ERROR_MARK.len() - stdout.len();
        return format!("{stdout}{title}{}{ERROR_MARK}", cut(&stderr, left));
    }
    let left = room - OUTPUT_MARK.len() - stderr.len();
    format!("{}{OUTPUT_MARK}{title}{stderr}", cut(&stdout, left))
}

/// At most so many bytes of a text, whole characters only.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
