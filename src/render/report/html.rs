//! HTML, piece by piece: what is not a literal of this program cannot get in unescaped.

use std::borrow::Cow;

use crate::render::text::clean;

/// A part of a page. Tags and attribute names are literals, everything else is escaped.
#[derive(Debug, Default)]
pub struct Html {
    text: String,
}

impl Html {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An opening tag.
    pub fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) -> &mut Self {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.text.push_str(&escape(value));
            self.text.push('"');
        }
        self.text.push('>');
        self
    }

    /// A closing tag.
    pub fn close(&mut self, tag: &'static str) -> &mut Self {
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
        self
    }

    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(&escape(text));
        self
    }

    /// An element with text in it.
    pub fn element(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        text: &str,
    ) -> &mut Self {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// A name from somewhere else, which must not turn the direction of what surrounds it.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.element("bdi", &[], &clean(name))
    }

    /// Markup that is written in this program.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// The text so far.
    pub fn into_string(self) -> String {
        self.text
    }
}

/// Text as it stands between tags and in quoted attributes.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// JSON as it stands in a `<script>`: nothing in it can end the element or begin a comment.
pub fn json_in_script(json: &serde_json::Value) -> String {
    let text = json.to_string();
    // In JSON these characters stand in strings only.
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Puts parts into the `{{name}}`s of a page; braces in the parts are not looked at.
pub fn fill(page: &str, parts: &[(&str, &str)]) -> String {
    let size = page.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>();
    let mut filled = String::with_capacity(size);
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (name, after) = after.split_once("}}").expect("the page closes its braces");
        let part = parts.iter().find(|(known, _)| *known == name);
        filled.push_str(part.expect("the page names parts that there are").1);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_stay_text_between_tags_in_attributes_and_in_scripts() {
        let evil = "</script><img src=x onerror='alert(\"1\")'>&";
        let mut html = Html::new();
        html.open("p", &[("title", evil)]).name(evil).close("p");
        let text = html.into_string();
        assert!(!text.contains("<img") && !text.contains("</script>"), "{text}");
        assert_eq!(text.matches('"').count(), 2, "{text}");
        assert!(!text.contains('\''), "{text}");

        let json = json_in_script(&json!({ evil: [evil] }));
        assert!(!json.contains(['<', '>', '&']), "{json}");
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back[evil][0], evil);
    }

    #[test]
    fn characters_that_turn_the_text_around_are_seen() {
        let mut html = Html::new();
        html.name("a\u{202e}b\0");
        assert_eq!(html.into_string(), "<bdi>a\u{fffd}b\u{fffd}</bdi>");
    }

    #[test]
    fn parts_with_braces_are_not_filled_again() {
        assert_eq!(fill("a {{x}} {{y}}", &[("x", "{{y}}"), ("y", "2")]), "a {{y}} 2");
    }
}
