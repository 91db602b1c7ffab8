"""A calm theme: paper and ink, one blue, the fonts of the visitor's own system."""

from gradio.themes import Base, colors, sizes


class CalmTheme(Base):
    """Light and dark; every text on its ground has a contrast of 4.5 : 1 or more (WCAG 2.2 AA)."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=colors.blue,
            secondary_hue=colors.blue,
            neutral_hue=colors.slate,
            spacing_size=sizes.spacing_md,
            radius_size=sizes.radius_md,
            text_size=sizes.text_md,
            font=("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"),
            font_mono=("ui-monospace", "Consolas", "monospace"),
        )
        self.name = "calm"
        self.set(
            body_background_fill="*neutral_50",
            block_background_fill="white",
            block_border_width="1px",
            block_shadow="none",
            block_label_text_color="*neutral_600",
            block_label_text_color_dark="*neutral_300",
            block_info_text_color="*neutral_600",
            block_info_text_color_dark="*neutral_300",
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_300",
            input_placeholder_color="*neutral_500",
            input_placeholder_color_dark="*neutral_400",
            color_accent="*primary_700",
            link_text_color="*primary_700",
            link_text_color_hover="*primary_800",
            link_text_color_visited="*primary_700",
            link_text_color_active="*primary_800",
            link_text_color_dark="*primary_300",
            link_text_color_hover_dark="*primary_200",
            link_text_color_visited_dark="*primary_300",
            link_text_color_active_dark="*primary_200",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_600",
            button_primary_text_color="white",
            button_primary_text_color_dark="white",
        )
