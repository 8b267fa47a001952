"""The operator's own: says what each answer has cost."""

from litellm.integrations.custom_logger import CustomLogger
from price_words import words


class PriceNotes(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        print(words(kwargs.get("response_cost")), flush=True)


notes = PriceNotes()
