"""Chat models: one protocol (`LLM`) with tools, JSON, pictures and streams; limits and accounts; several back ends.

    endpoint = Endpoint("qwen3-vl", base_url="http://localhost:8000/v1")
    with OpenAIChat(endpoint, Terms(meter=Allowance(max_calls=20))) as llm:
        llm.complete([SystemMessage("Answer briefly."), user("What does this say?", Data("EXIT", "ocr"))]).text

Back ends: `OpenAIChat` (any OpenAI-compatible server), `TransformersChat` (weights on this machine), `ScriptedLLM`
(says what it is told to), `ReplayLLM` (records another and plays it back).
"""

from planners.llm.accounting import Allowance as Allowance
from planners.llm.accounting import Charge as Charge
from planners.llm.accounting import Meter as Meter
from planners.llm.accounting import Price as Price
from planners.llm.accounting import Stats as Stats
from planners.llm.chat import Terms as Terms
from planners.llm.completion import LLM as LLM
from planners.llm.completion import Choice as Choice
from planners.llm.completion import Completion as Completion
from planners.llm.completion import Finished as Finished
from planners.llm.completion import Request as Request
from planners.llm.completion import Restarted as Restarted
from planners.llm.completion import TextDelta as TextDelta
from planners.llm.completion import Usage as Usage
from planners.llm.endpoint import Endpoint as Endpoint
from planners.llm.errors import BadOutput as BadOutput
from planners.llm.errors import LLMError as LLMError
from planners.llm.messages import AssistantMessage as AssistantMessage
from planners.llm.messages import Data as Data
from planners.llm.messages import FunctionCall as FunctionCall
from planners.llm.messages import Image as Image
from planners.llm.messages import SystemMessage as SystemMessage
from planners.llm.messages import Text as Text
from planners.llm.messages import ToolMessage as ToolMessage
from planners.llm.messages import ToolSpec as ToolSpec
from planners.llm.messages import UserMessage as UserMessage
from planners.llm.messages import user as user
from planners.llm.openai_chat import OpenAIChat as OpenAIChat
from planners.llm.replay import ReplayLLM as ReplayLLM
from planners.llm.scripted import ScriptedLLM as ScriptedLLM
from planners.llm.transformers_chat import TransformersChat as TransformersChat
