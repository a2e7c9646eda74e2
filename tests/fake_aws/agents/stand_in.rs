//! A stand-in for the AWS CLI on instances, which knows `aws ssm get-parameter` alone. It reads what was laid beside
//! it before the script began, in a folder that is not on the instance's disk.

use super::{RunContext, Secret};
use std::fs;
use std::io;
use std::path::Path;

/// The program; `PARAMETERS` is the folder with the values.
const PROGRAM: &str = r#"#!/bin/sh
fail() { printf '\n%s\n' "$2" >&2; exit "$1"; }
here=PARAMETERS
[ "$1 $2" = 'ssm get-parameter' ] || fail 252 "aws: error: this stand-in knows 'ssm get-parameter' alone"
shift 2
name='' decrypt='' query='' output='' region=''
while [ $# -gt 0 ]; do
    case $1 in
        --with-decryption) decrypt=1; shift; continue ;;
        --name | --query | --output | --region)
            [ $# -ge 2 ] || fail 252 "aws: error: argument $1: expected one argument" ;;
        *) fail 252 "Unknown options: $1" ;;
    esac
    case $1 in
        --name) name=$2 ;;
        --query) query=$2 ;;
        --output) output=$2 ;;
        --region) region=$2 ;;
    esac
    shift 2
done
[ "$query $output" = 'Parameter.Value text' ] ||
    fail 252 "aws: error: this stand-in knows --query Parameter.Value --output text alone"
error='when calling the GetParameter operation:'
[ -z "$region" ] || [ "$region" = "$(cat "$here/.region")" ] ||
    fail 254 "An error occurred (ParameterNotFound) $error "
case /$name/ in
    */../* | */./*) fail 254 "An error occurred (ParameterNotFound) $error " ;;
esac
file=$here/$name/.value
[ -f "$file" ] || fail 254 "An error occurred (ParameterNotFound) $error "
if [ -f "$here/$name/.secure" ] && [ -z "$decrypt" ]; then
    echo AQICAHencrypted
else
    cat "$file" && echo
fi
"#;

/// The program for values in a folder.
pub fn program(parameters: &str) -> String {
    PROGRAM.replace("PARAMETERS", &format!("'{parameters}'"))
}

/// Lays the values into a folder of this machine.
pub fn lay(parameters: &Path, context: &RunContext) -> io::Result<()> {
    fs::create_dir_all(parameters)?;
    fs::write(parameters.join(".region"), &context.region)?;
    for (name, Secret { value, is_secure }) in readable(context) {
        let folder = parameters.join(name.trim_start_matches('/'));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(".value"), value)?;
        if *is_secure {
            fs::write(folder.join(".secure"), "")?;
        }
    }
    Ok(())
}

/// The same as a script: for where no file of this machine can be seen.
pub fn script(parameters: &str, context: &RunContext) -> String {
    let mut script = format!("mkdir -p {parameters}\n");
    script.push_str(&file(&format!("{parameters}/.region"), &context.region));
    for (name, Secret { value, is_secure }) in readable(context) {
        let place = format!("{parameters}/{}", name.trim_start_matches('/'));
        script.push_str(&format!("mkdir -p '{place}'\n"));
        script.push_str(&file(&format!("'{place}/.value'"), value));
        if *is_secure {
            script.push_str(&format!(": > '{place}/.secure'\n"));
        }
    }
    script
}

/// A command that writes a file; nothing in the text means anything to the shell.
pub fn file(path: &str, text: &str) -> String {
    format!("printf %s '{}' > {path}\n", text.replace('\'', r"'\''"))
}

/// Names are letters, digits and `_.-/` by Parameter Store's own rules; those that would climb are left out.
fn readable(context: &RunContext) -> impl Iterator<Item = (&String, &Secret)> {
    context.secrets.iter().filter(|(name, _)| !name.split('/').any(|part| part == ".." || part == "."))
}
